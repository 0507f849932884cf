package wan

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/netns/netnstest"
	"cutover.dev/cutover/lab/world"
)

// Two networks of the test's own, not the lab's: this runs beside one.
const here, there = "cutwan-here", "cutwan-there"

// joined is the link between two fresh networks, 10.9.0.1 here and 10.9.0.2 there, where an echo listens on port 7.
func joined(t *testing.T) (out, back *way) {
	t.Helper()
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("without %s there is no network to make: %v", program, err)
		}
	}
	netnstest.Make(t, here, there)
	var ends []*os.File
	for i, space := range []string{here, there} {
		end, err := netns.OpenTUN(space, device)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = end.Close() })
		ends = append(ends, end)
		lines := []string{"link set lo up", fmt.Sprintf("link set %s mtu %d up", device, mtu), fmt.Sprintf("address add 10.9.0.%d/24 dev %s", i+1, device)}
		if err := batch(t.Context(), space, lines); err != nil {
			t.Fatal(err)
		}
	}
	netnstest.Echo(t, there, "10.9.0.2:7")
	return carry(ends[0], ends[1]), carry(ends[1], ends[0])
}

// answers sends so many bytes and wants them back within a second.
func answers(t *testing.T, size int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	conn, err := world.Dial(ctx, here, "tcp", "10.9.0.2:7")
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	sent := bytes.Repeat([]byte("x"), size)
	if _, err := conn.Write(sent); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, size))
	return err
}

func TestWhatGoesWrongOnTheLinkIsSeenAtItsEnds(t *testing.T) {
	out, back := joined(t)
	const small, large = 100, 64 << 10
	rules := func(all ...Rule) func() {
		return func() {
			if err := nft(t.Context(), there, closed()+opened(all)); err != nil {
				t.Fatal(err)
			}
		}
	}
	faults := func(w *way, f Faults) func() { return func() { w.faults.Store(&f) } }
	for _, c := range []struct {
		what         string
		change       func()
		small, large bool
	}{
		{"at first", func() {}, true, true},
		{"a closed firewall", rules(), false, false},
		{"another port open", rules(Rule{[]string{"10.9.0.0/24"}, "10.9.0.2", 8}), false, false},
		{"open for others", rules(Rule{[]string{"10.8.0.0/24"}, "10.9.0.2", 7}), false, false},
		{"open", rules(Rule{[]string{"10.8.0.0/24", "10.9.0.1"}, "10.9.0.2", 7}), true, true},
		{"open for all", rules(All), true, true},
		{"cut one way", faults(out, Faults{Cut: true}), false, false},
		{"mended", faults(out, Faults{}), true, true},
		{"cut the other way", faults(back, Faults{Cut: true}), false, false},
		{"large packets lost", faults(back, Faults{Largest: 1000}), true, false},
		{"slow", faults(back, Faults{Delay: 20 * time.Millisecond}), true, true},
	} {
		c.change()
		for size, want := range map[int]bool{small: c.small, large: c.large} {
			if err := answers(t, size); (err == nil) != want {
				t.Errorf("%s: %d bytes: %v", c.what, size, err)
			}
		}
	}
	if through, lost := out.through.Load(), back.lost.Load(); through == 0 || lost == 0 {
		t.Errorf("%d came through and %d were lost", through, lost)
	}
}

// asks sends a datagram there and wants it back.
func asks(t *testing.T, port int) error {
	t.Helper()
	conn, err := world.Dial(t.Context(), here, "udp", fmt.Sprintf("%s:%d", Gateway(world.New), port))
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
	if _, err := conn.Write([]byte("x")); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

// echoes answers datagrams there.
func echoes(t *testing.T, port int) {
	t.Helper()
	var l net.PacketConn
	err := world.Inside(there, func() (err error) {
		l, err = net.ListenPacket("udp", fmt.Sprintf("%s:%d", Gateway(world.New), port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for b := make([]byte, 1); ; {
			_, from, err := l.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = l.WriteTo(b, from)
		}
	}()
}

func TestBesideATunnelNothingIsLetIn(t *testing.T) {
	joined(t)
	tunnel := &Tunnel{Device: "tun9", Ports: []int{500, 4500}}
	for space, c := range map[string]world.Cluster{here: world.Old, there: world.New} {
		if err := batch(t.Context(), space, []string{fmt.Sprintf("address add %s/30 dev %s", Gateway(c), device)}); err != nil {
			t.Fatal(err)
		}
	}
	ports := map[int]bool{500: true, 4500: true, 4501: false}
	for port := range ports {
		echoes(t, port)
		if err := asks(t, port); err != nil {
			t.Errorf("port %d without a firewall: %v", port, err)
		}
	}
	if err := answers(t, 1); err != nil {
		t.Error(err)
	}
	if err := nft(t.Context(), there, closed()+tunnel.opened(world.New, []Rule{All})); err != nil {
		t.Fatal(err)
	}
	for port, want := range ports {
		if err := asks(t, port); (err == nil) != want {
			t.Errorf("port %d: %v", port, err)
		}
	}
	if err := answers(t, 1); err == nil {
		t.Error("a connection came about beside the tunnel")
	}
}
