package plan

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The checks of single values that a pattern cannot make.

func checkIP(s string) error {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return fmt.Errorf("%q is not an IP address", s)
	}
	if ip.Unmap().IsLinkLocalUnicast() {
		return fmt.Errorf("%s is a link-local address: no other network reaches it", s)
	}
	return dialable(ip, s)
}

// dialable refuses what means nothing, or something else, to a machine on the other side. Link-local addresses pass:
// some clouds have their resolver there.
func dialable(ip netip.Addr, s string) error {
	switch ip = ip.Unmap(); {
	case ip.IsLoopback():
		return fmt.Errorf("%s is a loopback address: nobody else reaches it", s)
	case ip.IsUnspecified(), ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is no address that can be dialled", s)
	}
	return nil
}

func checkHost(s string) error {
	if len(s) > 253 {
		return errors.New("a host name has at most 253 characters")
	}
	last := ""
	for part := range strings.SplitSeq(s, ".") {
		switch {
		case len(part) > 63:
			return fmt.Errorf("%q has a part of more than 63 characters", s)
		case part == "" || part[0] == '-' || part[len(part)-1] == '-':
			return fmt.Errorf("%q is no host name: its parts between dots begin and end with a letter or digit", s)
		}
		last = part
	}
	if strings.Trim(last, "0123456789") == "" { // no top-level domain is a number, but the end of an address is
		return fmt.Errorf("%s is no host name: it ends like an address", s)
	}
	return nil
}

// checkWildHost takes *.example.com too.
func checkWildHost(s string) error { return checkHost(strings.TrimPrefix(s, "*.")) }

func checkEndpoint(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not host:port", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%s is no port from 1 to 65535", port)
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil:
		return dialable(ip, host)
	case strings.Contains(host, ":"):
		return fmt.Errorf("%q is not an IP address", host)
	case strings.EqualFold(host, "localhost"):
		return fmt.Errorf("%s is another machine for everybody who reads it", host)
	}
	return checkHost(host)
}

// checkName counts what the pattern cannot.
func checkName(s string) error {
	if len(s) > 253 {
		return errors.New("an object's name has at most 253 characters")
	}
	return nil
}

func checkRef(s string) error { return checkName(s[strings.LastIndexByte(s, '/')+1:]) }

const relative = "a relative path without .."

func checkPath(s string) error {
	for part := range strings.SplitSeq(strings.TrimSuffix(s, "/"), "/") {
		if part == "" || part == ".." {
			return fmt.Errorf("%q is not %s", s, relative)
		}
	}
	return nil
}

// checkSource lets a misspelt word not pass for a path.
func checkSource(s string) error {
	if s == SourceLive || s == SourceExisting {
		return nil
	}
	if !strings.ContainsAny(s, "/.") {
		return fmt.Errorf("%q is neither live nor existing nor a path (a folder beside the plan is ./%s)", s, s)
	}
	return checkPath(s)
}

func checkPercent(s string) error {
	if p, err := parsePercent(s); err != nil || p > 1 {
		return fmt.Errorf("%s is more than 100%%", s)
	}
	return nil
}

func systemNamespace(s string) error {
	if slices.Contains([]string{"kube-system", "kube-public", "kube-node-lease"}, s) {
		return fmt.Errorf("%s belongs to Kubernetes: nothing in it moves, and nothing of ours goes there", s)
	}
	return nil
}
