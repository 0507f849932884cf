// Package wan joins the two environments of a lab that is up by a link that can go wrong: what they send each other goes through
// a TUN device on each side and a program between the two, which delays, drops and cuts, and a firewall in front of each side,
// which is closed until its rules are there. Without it they are on one bridge. It knows nothing of what is sent. With a Tunnel all
// of that goes into the tunnel's devices, and on the link itself there are only the tunnel's two gateways.
package wan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/world"
)

// device is the TUN device on each side, and the name of the firewall's table there.
const device = "wan0"

// mtu is smaller than that of the bridge, as a tunnel's is.
const mtu = 1400

// Link is the way between the two environments. Make it with Start, and call Close.
type Link struct {
	toNew, toOld *way // what old sends, what new sends
	ends         map[string]*os.File
	tunnel       *Tunnel // nil: what is sent is on the link as it is
}

// Start puts the link between old and new, with both firewalls closed. Connections that are open already keep silent from then on.
// With a tunnel it begins that one too.
func Start(ctx context.Context, tunnel *Tunnel) (*Link, error) {
	l := &Link{ends: map[string]*os.File{}, tunnel: tunnel}
	for _, c := range world.Clusters() {
		end, err := netns.OpenTUN(c.Net(), device)
		if err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
		l.ends[c.Name] = end
		if err := l.Open(ctx, c); err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
	}
	old, next := l.ends[world.Old.Name], l.ends[world.New.Name]
	l.toNew, l.toOld = carry(old, next), carry(next, old)
	if tunnel != nil {
		if err := tunnel.begin(ctx); err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
	}
	for _, c := range world.Clusters() { // last: until then packets go by the bridge
		if err := batch(ctx, c.Net(), l.ways(c)); err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
	}
	return l, nil
}

// ways are what a cluster's network gets last.
func (l *Link) ways(c world.Cluster) []string {
	if l.tunnel != nil {
		return append(routes(c, l.tunnel.Device), dead(c)...)
	}
	return append([]string{fmt.Sprintf("link set %s mtu %d up", device, mtu)}, routes(c, device)...)
}

// Close takes the link away: packets go by the bridge again. The devices go with the program, and the routes with the devices.
func (l *Link) Close(ctx context.Context) error {
	var errs []error
	if l.tunnel != nil {
		errs = append(errs, l.tunnel.end(ctx))
	}
	for _, c := range world.Clusters() {
		end := l.ends[c.Name]
		if end == nil {
			continue
		}
		errs = append(errs, end.Close(), nft(ctx, c.Net(), closed()))
	}
	for _, w := range []*way{l.toNew, l.toOld} {
		if w != nil {
			<-w.over
		}
	}
	return errors.Join(errs...)
}

// Go lets what a cluster sends go wrong from now on; the zero Faults let it pass.
func (l *Link) Go(from world.Cluster, f Faults) {
	if from.Name == world.Old.Name {
		l.toNew.faults.Store(&f)
		return
	}
	l.toOld.faults.Store(&f)
}

// Carried is how many packets of a cluster came through, and how many were lost.
func (l *Link) Carried(from world.Cluster) (through, lost int64) {
	w := l.toOld
	if from.Name == world.Old.Name {
		w = l.toNew
	}
	return w.through.Load(), w.lost.Load()
}

// routes are the ways of a cluster by a device to all that the other one has. Those to pods and Services are longer than the ones by
// the bridge, which stay.
func routes(c world.Cluster, device string) (lines []string) {
	for _, to := range across(c) {
		lines = append(lines, fmt.Sprintf("route add %s dev %s src %s", to, device, c.Node))
	}
	return lines
}

// across is all that is on the other side of a cluster.
func across(c world.Cluster) []string {
	o := other(c)
	return append([]string{o.PodRange(), o.ServiceRange(), o.Node, o.Entry, o.Inner}, o.Mongods[:]...)
}

func other(c world.Cluster) world.Cluster {
	if c.Name == world.Old.Name {
		return world.New
	}
	return world.Old
}

func batch(ctx context.Context, net string, lines []string) error {
	return feed(ctx, net, strings.Join(lines, "\n")+"\n", "ip", "-batch", "-")
}

func nft(ctx context.Context, net, rules string) error {
	return feed(ctx, net, rules, "nft", "-f", "-")
}

// feed runs a program in a network and gives it text to read.
func feed(ctx context.Context, net, text, program string, args ...string) error {
	cmd := world.Command(context.WithoutCancel(ctx), net, program, args...) // short, and never half-way
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s in %s: %w: %s", program, net, err, strings.TrimSpace(string(out)))
	}
	return nil
}
