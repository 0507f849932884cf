// Package wan joins the two environments of a lab that is up by a link that can go wrong: what they send each other goes through
// a TUN device on each side and a program between the two, which delays, drops and cuts, and a firewall in front of each side,
// which is closed until its rules are there. Without it they are on one bridge. It knows nothing of what is sent.
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
}

// Start puts the link between old and new, with both firewalls closed. Connections that are open already keep silent from then on.
func Start(ctx context.Context) (*Link, error) {
	l := &Link{ends: map[string]*os.File{}}
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
	for _, c := range world.Clusters() { // last: until then packets go by the bridge
		if err := batch(ctx, c.Net(), routes(c)); err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
	}
	return l, nil
}

// Close takes the link away: packets go by the bridge again. The devices go with the program, and the routes with the devices.
func (l *Link) Close(ctx context.Context) error {
	var errs []error
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

// routes are the ways of a cluster to all that the other one has. Those to pods and Services are longer than the ones by the
// bridge, which stay.
func routes(c world.Cluster) []string {
	lines := []string{fmt.Sprintf("link set %s mtu %d up", device, mtu)}
	for _, other := range world.Clusters() {
		if other.Name == c.Name {
			continue
		}
		to := append([]string{other.PodRange(), other.ServiceRange(), other.Node, other.Entry, other.Inner}, other.Mongods[:]...)
		for _, t := range to {
			lines = append(lines, fmt.Sprintf("route add %s dev %s src %s", t, device, c.Node))
		}
	}
	return lines
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
