package ipsec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/netns/netnstest"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/world"
)

// Two networks of the test's own, not the lab's: this runs beside one.
const here, there = "cutipsec-here", "cutipsec-there"

// must runs a program that has to end well.
func must(t *testing.T, program string, args ...string) {
	t.Helper()
	if said, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", program, args, err, said)
	}
}

// tunnelled are two daemons in two networks joined as wan joins them, with an echo behind the one there at 10.9.2.1:7.
func tunnelled(t *testing.T) (from, to side) {
	t.Helper()
	if err := installed(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	from = side{name: "here-ipsec", space: here, dir: dir + "/here", address: "192.0.2.1", peer: "192.0.2.2", dials: true}
	to = side{name: "there-ipsec", space: there, dir: dir + "/there", address: "192.0.2.2", peer: "192.0.2.1"}
	netnstest.Make(t, here, there)
	joined(t)
	for i, s := range []side{from, to} {
		must(t, "ip", "-n", s.space, "link", "set", "lo", "up")
		must(t, "ip", "-n", s.space, "link", "set", "wan0", "up")
		must(t, "ip", "-n", s.space, "address", "add", s.address+"/30", "dev", "wan0")
		must(t, "ip", "-n", s.space, "address", "add", fmt.Sprintf("10.9.%d.1/32", i+1), "dev", "lo")
	}
	for _, s := range []side{to, from} {
		runs(t, s)
	}
	if err := established(t.Context(), []side{to, from}); err != nil {
		t.Fatal(err)
	}
	must(t, "ip", "-n", here, "route", "add", "10.9.2.1", "dev", device, "src", "10.9.1.1")
	must(t, "ip", "-n", there, "route", "add", "10.9.1.1", "dev", device, "src", "10.9.2.1")
	netnstest.Echo(t, there, "10.9.2.1:7")
	return from, to
}

// joined lets a device of each network read what the other one's writes.
func joined(t *testing.T) {
	t.Helper()
	var ends []*os.File
	for _, space := range []string{here, there} {
		end, err := netns.OpenTUN(space, "wan0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = end.Close() })
		ends = append(ends, end)
	}
	for i := range ends {
		go func() {
			packet := make([]byte, 1<<16)
			for {
				n, err := ends[i].Read(packet)
				if err != nil {
					return
				}
				_, _ = ends[1-i].Write(packet[:n])
			}
		}()
	}
}

// runs starts one daemon as the lab does.
func runs(t *testing.T, s side) {
	t.Helper()
	if err := s.write("0sc2VjcmV0IG9mIGEgdGVzdA=="); err != nil {
		t.Fatal(err)
	}
	d := s.daemon()
	cmd := world.Command(context.WithoutCancel(t.Context()), d.Net, d.Argv[0], d.Argv[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", s.name, &log)
		}
	})
	if err := s.load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// answers sends so many bytes and wants them back.
func answers(t *testing.T, size int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	conn, err := world.Dial(ctx, here, "tcp", "10.9.2.1:7")
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write(bytes.Repeat([]byte("x"), size))
		written <- err
	}()
	_, err = io.ReadFull(conn, make([]byte, size))
	return errors.Join(err, <-written)
}

func TestWhatIsSentGoesThroughTheTunnelOrNowhere(t *testing.T) {
	from, to := tunnelled(t)
	const size = 64 << 10
	if err := answers(t, size); err != nil {
		t.Fatalf("a large body: %v", err)
	}
	for _, s := range []side{from, to} {
		if c, err := s.counted(t.Context()); err != nil || c.BytesIn < size || c.BytesOut < size {
			t.Errorf("%s: %+v %v", s.name, c, err)
		}
	}
	if _, err := from.swanctl(t.Context(), "--terminate", "--ike", connection); err != nil {
		t.Fatal(err)
	}
	if err := answers(t, 1); err == nil {
		t.Error("without a tunnel it answers all the same")
	}
	if c, err := from.counted(t.Context()); err == nil {
		t.Errorf("there is one: %+v", c)
	}
	if _, err := from.swanctl(t.Context(), "--initiate", "--child", connection); err != nil {
		t.Fatal(err)
	}
	if err := ready.Until(t.Context(), "an answer", 5*time.Second, func(context.Context) error { return answers(t, 1) }); err != nil {
		t.Error(err)
	}
}
