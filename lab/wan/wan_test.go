package wan

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/lab/world"
)

// packets is an end of the link: what was sent into it, one packet a read.
type packets chan []byte

func (p packets) Read(b []byte) (int, error) {
	data, more := <-p
	if !more {
		return 0, io.EOF
	}
	return copy(b, data), nil
}

func (p packets) Write(b []byte) (int, error) {
	p <- slices.Clone(b)
	return len(b), nil
}

func TestPacketsAreDelayedDroppedAndCutOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := make(packets), make(packets, 100)
		w := carry(in, out)
		send := func(data string) (arrived string, after time.Duration) {
			began := time.Now()
			in <- []byte(data)
			select {
			case p := <-out:
				return string(p), time.Since(began)
			case <-time.After(time.Minute):
				return "", 0
			}
		}
		for name, c := range map[string]struct {
			f       Faults
			data    string
			arrives bool
		}{
			"well":                {Faults{}, "packet", true},
			"late":                {Faults{Delay: 20 * time.Millisecond}, "packet", true},
			"lost, all of them":   {Faults{Drop: 1}, "packet", false},
			"cut":                 {Faults{Cut: true}, "packet", false},
			"small enough":        {Faults{Largest: 6}, "packet", true},
			"too large by a byte": {Faults{Largest: 5}, "packet", false},
		} {
			w.faults.Store(&c.f)
			if got, after := send(c.data); (got == c.data) != c.arrives || after != c.f.Delay {
				t.Errorf("%s: %q after %s", name, got, after)
			}
		}
		if through, lost := w.through.Load(), w.lost.Load(); through != 3 || lost != 3 {
			t.Errorf("%d came through and %d were lost", through, lost)
		}
		w.faults.Store(&Faults{Drop: 0.5})
		for range 90 {
			in <- []byte("packet")
		}
		synctest.Wait()
		if n := len(out); n < 20 || n > 70 {
			t.Errorf("of 90 packets of which half is lost %d arrive", n)
		}
		close(in)
		<-w.over
	})
}

func TestAClosedFirewallLetsNoConnectionBegin(t *testing.T) {
	rules := opened(nil)
	for _, want := range []string{"hook prerouting", `iifname "wan0" tcp flags & (syn | ack) == syn drop`, `iifname "wan0" meta l4proto udp drop`} {
		if !strings.Contains(rules, want) {
			t.Errorf("%q is missing in\n%s", want, rules)
		}
	}
	if strings.Contains(rules, " accept\n") {
		t.Errorf("something is let in:\n%s", rules)
	}
	rules = opened([]Rule{{From: []string{"10.61.0.0/17", "172.30.0.11"}, To: "172.30.0.32", Port: 8080}})
	want := "\t\tiifname \"wan0\" ip saddr { 10.61.0.0/17, 172.30.0.11 } ip daddr 172.30.0.32 tcp dport 8080 accept\n\t\tiifname \"wan0\" tcp flags"
	if !strings.Contains(rules, want) {
		t.Errorf("%q is not in\n%s", want, rules)
	}
}

func TestAllThatTheOtherSideHasIsBehindTheLink(t *testing.T) {
	lines := strings.Join((&Link{}).ways(world.Old), "\n")
	for _, to := range []string{"10.62.0.0/17", "10.62.128.0/17", world.New.Node, world.New.Entry, world.New.Inner, world.New.Mongods[2]} {
		if !strings.Contains(lines, "route add "+to+" dev wan0 src "+world.Old.Node) {
			t.Errorf("there is no way to %s:\n%s", to, lines)
		}
	}
	if strings.Contains(lines, world.Old.Entry) || strings.Contains(lines, world.ClientAddress) {
		t.Errorf("more goes by the link than that:\n%s", lines)
	}
}

func TestWithATunnelOnlyItsGatewaysAreOnTheLink(t *testing.T) {
	tunnel := &Tunnel{Device: "tun9", Ports: []int{500, 4500}}
	rules := tunnel.opened(world.New, []Rule{{From: []string{"172.30.0.11"}, To: world.New.Inner, Port: 8080}})
	want := `		iifname "wan0" ip saddr 192.0.2.1 ip daddr 192.0.2.2 udp dport { 500, 4500 } accept
		iifname "wan0" drop
		iifname "tun9" ip saddr { 172.30.0.11 } ip daddr 172.30.0.32 tcp dport 8080 accept
		iifname "tun9" tcp flags & (syn | ack) == syn drop
		iifname "tun9" meta l4proto udp drop
`
	if !strings.Contains(rules, want) {
		t.Errorf("%s\nis not in\n%s", want, rules)
	}
	lines := strings.Join((&Link{tunnel: tunnel}).ways(world.New), "\n")
	for _, to := range []string{"10.61.0.0/17", "10.61.128.0/17", world.Old.Node, world.Old.Entry, world.Old.Inner, world.Old.Mongods[2]} {
		for _, want := range []string{"route add " + to + " dev tun9 src " + world.New.Node, "route replace blackhole " + to + " metric 100"} {
			if !strings.Contains(lines, want) {
				t.Errorf("%q is not in\n%s", want, lines)
			}
		}
	}
	if strings.Contains(lines, "dev wan0") {
		t.Errorf("something goes beside the tunnel:\n%s", lines)
	}
}
