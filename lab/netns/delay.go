package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"cutover.dev/cutover/lab/world"
)

// ErrNoDelay says that this machine's kernel cannot hold packets back for us.
var ErrNoDelay = errors.New("packets cannot be held back here")

// How packets that one network sends another are led through a device of ours.
const (
	delayDevice = "delay0"
	delayTable  = 100 // of routes
	largest     = 1 << 16
	onTheirWay  = 4096 // packets; beyond that they wait in the device, as in front of a narrow link
)

// Delay holds back what the members of a set in one cluster send to those in another, from and to a TCP port, so that each
// round between them takes longer by d. Kernels of small machines have no netem: the packets go through a device of this
// process, which gives them back later. undo ends that.
func Delay(ctx context.Context, from, to world.Cluster, port int, d time.Duration) (undo func() error, err error) {
	device, err := OpenTUN(from.Net(), delayDevice)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDelay, err)
	}
	l := &later{device: device, by: d, queue: make(chan packet, onTheirWay)}
	undo = func() error {
		ctx := context.WithoutCancel(ctx)
		gone := rules(from.Net(), to, port, "delete").run(ctx) // before the device: until then its packets need it
		err := errors.Join(gone, device.Close())
		l.loops.Wait()
		return err
	}
	if err := lead(ctx, from, to, port); err != nil {
		return nil, errors.Join(err, undo())
	}
	l.loops.Go(l.take)
	l.loops.Go(l.give)
	return undo, nil
}

// lead sends the packets into the device. They come out of it with an address of this network itself, which a kernel drops
// unless it is told not to.
func lead(ctx context.Context, from, to world.Cluster, port int) error {
	set := "cd /proc/sys/net/ipv4/conf/" + delayDevice + " && echo 1 >accept_local && echo 0 >rp_filter"
	if said, err := world.Command(ctx, from.Net(), "sh", "-c", set).CombinedOutput(); err != nil {
		return fmt.Errorf("let %s take packets back: %w: %s", delayDevice, err, said)
	}
	b := batch{net: from.Net()}
	b.add("link set %s up", delayDevice)
	b.add("route add default dev %s src %s table %d", delayDevice, from.Node, delayTable)
	if err := b.run(ctx); err != nil {
		return err
	}
	return rules(from.Net(), to, port, "add").run(ctx)
}

// rules are for what begins in the network alone (iif lo): what comes out of the device goes on as ever.
func rules(net string, to world.Cluster, port int, do string) *batch {
	b := &batch{net: net}
	for _, address := range to.Mongods {
		b.add("rule %s pref %d iif lo ipproto tcp dport %d to %s lookup %d", do, delayTable, port, address, delayTable)
	}
	// Answers go to where the other side's connections begin, which is at its node.
	b.add("rule %s pref %d iif lo ipproto tcp sport %d to %s lookup %d", do, delayTable, port, to.Node, delayTable)
	return b
}

type packet struct {
	due  time.Time
	data []byte
}

// later gives every packet back when its time has come. All wait equally long, so their order stays.
type later struct {
	device *os.File
	by     time.Duration
	queue  chan packet
	loops  sync.WaitGroup
}

func (l *later) take() {
	defer close(l.queue)
	buffer := make([]byte, largest)
	for {
		n, err := l.device.Read(buffer)
		if err != nil { // it was closed
			return
		}
		l.queue <- packet{time.Now().Add(l.by), append([]byte(nil), buffer[:n]...)}
	}
}

func (l *later) give() {
	for p := range l.queue {
		time.Sleep(time.Until(p.due))
		_, _ = l.device.Write(p.data) // a packet that is lost is sent again
	}
}
