package link

import (
	"fmt"
	"net"
	"strings"
)

// mostSources is how many ranges a rule names.
const mostSources = 8

// rule is what a firewall has to let through, in the words in which docs/link.md has its recipes.
func rule(r Row, from Ranges) string {
	host, port, err := net.SplitHostPort(r.To)
	if err != nil {
		return ""
	}
	to := host
	if len(r.Addresses) > 0 && r.Addresses[0] != host {
		to += " (" + strings.Join(r.Addresses, ", ") + ")"
	}
	protocol := "tcp"
	switch {
	case r.State == NoUDP:
		protocol = "udp"
	case r.zone != "":
		protocol = "tcp and udp"
	}
	return fmt.Sprintf("allow %s from %s to %s port %s", protocol, source(r.From, from), to, port)
}

// source is who dials, and by which addresses: those of the pods where the link routes them, those of the nodes where it does not.
func source(side string, from Ranges) string {
	if side == Here {
		return "this machine"
	}
	var named []string
	for _, k := range []struct {
		kind string
		all  []string
	}{{pods, texts(from.Pods)}, {nodes, texts(from.Nodes)}} {
		if len(k.all) == 0 {
			continue
		}
		more := ""
		if len(k.all) > mostSources {
			more, k.all = fmt.Sprintf(" and %d more", len(k.all)-mostSources), k.all[:mostSources]
		}
		named = append(named, k.kind+" "+strings.Join(k.all, ", ")+more)
	}
	if len(named) == 0 {
		return side
	}
	return side + " (" + strings.Join(named, "; ") + ")"
}
