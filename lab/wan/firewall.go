package wan

import (
	"context"
	"fmt"
	"strings"

	"cutover.dev/cutover/lab/world"
)

// Rule lets connections in: over TCP, from some addresses or ranges to one address, or range, and port.
type Rule struct {
	From []string
	To   string
	Port int // 0: any
}

// All lets everything in.
var All = Rule{From: []string{"0.0.0.0/0"}, To: "0.0.0.0/0"}

// Open lets in front of a cluster what these rules allow and nothing else. Connections that were made stay; without a rule no new one
// begins, and nobody is told.
func (l *Link) Open(ctx context.Context, c world.Cluster, rules ...Rule) error {
	return nft(ctx, c.Net(), closed()+l.tunnel.opened(c, rules))
}

// closed removes the table. Adding what is there already is no error, deleting what is not there is one.
func closed() string {
	return fmt.Sprintf("add table inet %s\ndelete table inet %s\n", device, device)
}

// opened is the table. It looks at what comes in before anything is routed, so at what is for pods as well, and it keeps no state:
// of a connection that may not begin only the first packet is dropped, again and again.
func opened(rules []Rule) string { return (*Tunnel)(nil).opened(world.Cluster{}, rules) }

// opened is the same, and with a tunnel in front of what comes out of it: on the link only the gateways are let in.
func (t *Tunnel) opened(c world.Cluster, rules []Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n\tchain in {\n\t\ttype filter hook prerouting priority -150; policy accept;\n", device)
	device := device
	if t != nil {
		b.WriteString(t.gates(c))
		device = t.Device
	}
	for _, r := range rules {
		port := ""
		if r.Port != 0 {
			port = fmt.Sprintf(" tcp dport %d", r.Port)
		}
		fmt.Fprintf(&b, "\t\tiifname %q ip saddr { %s } ip daddr %s%s accept\n", device, strings.Join(r.From, ", "), r.To, port)
	}
	fmt.Fprintf(&b, "\t\tiifname %q tcp flags & (syn | ack) == syn drop\n\t\tiifname %q meta l4proto udp drop\n\t}\n}\n", device, device)
	return b.String()
}
