package wan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/world"
)

// ErrNoDelay says that packets cannot be held back on this machine.
var ErrNoDelay = errors.New("packets cannot be held back here")

// How packets that one network sends another are led through a device of ours.
const (
	delayDevice = "delay0"
	delayTable  = 100 // of routes
)

// Delay holds back what the members of a set in one cluster send to those in another, from and to a TCP port, so that each
// round between them takes longer by d. It needs no Link: on the bridge too the packets then go through a device of this process,
// which gives them back later, since kernels of small machines have no netem. undo ends that.
func Delay(ctx context.Context, from, to world.Cluster, port int, d time.Duration) (undo func() error, err error) {
	device, err := netns.OpenTUN(from.Net(), delayDevice)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDelay, err)
	}
	back := carry(device, device)
	back.faults.Store(&Faults{Delay: d})
	undo = func() error {
		gone := batch(ctx, from.Net(), rules(to, port, "delete")) // before the device: until then its packets need it
		err := errors.Join(gone, device.Close())
		<-back.over
		return err
	}
	if err := lead(ctx, from, to, port); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

// lead sends the packets into the device. They come out of it with an address of this network itself, which a kernel drops
// unless it is told not to.
func lead(ctx context.Context, from, to world.Cluster, port int) error {
	set := "cd /proc/sys/net/ipv4/conf/" + delayDevice + " && echo 1 >accept_local && echo 0 >rp_filter"
	if said, err := world.Command(ctx, from.Net(), "sh", "-c", set).CombinedOutput(); err != nil {
		return fmt.Errorf("let %s take packets back: %w: %s", delayDevice, err, said)
	}
	return batch(ctx, from.Net(), append([]string{
		fmt.Sprintf("link set %s up", delayDevice),
		fmt.Sprintf("route add default dev %s src %s table %d", delayDevice, from.Node, delayTable),
	}, rules(to, port, "add")...))
}

// rules are for what begins in the network alone (iif lo): what comes out of the device goes on as ever.
func rules(to world.Cluster, port int, do string) (lines []string) {
	for _, address := range to.Mongods {
		lines = append(lines, fmt.Sprintf("rule %s pref %d iif lo ipproto tcp dport %d to %s lookup %d", do, delayTable, port, address, delayTable))
	}
	// Answers go to where the other side's connections begin, which is at its node.
	return append(lines, fmt.Sprintf("rule %s pref %d iif lo ipproto tcp sport %d to %s lookup %d", do, delayTable, port, to.Node, delayTable))
}
