package cli_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// zoned is the program with a primary and a secondary of its zone, and a wire to the primary that changes go by.
type zoned struct {
	*world
	primary, secondary *zonetest.Server
	wire               *zonetest.Wire
	program            string
}

func zonedWorld(t *testing.T) *zoned {
	t.Helper()
	ip := reachable(t)
	z := &zoned{world: newWorld(t), program: binary(t), wire: &zonetest.Wire{}}
	port := zonetest.FreePort(t, ip)
	told := []string{net.JoinHostPort(ip, fmt.Sprint(port))}
	z.primary = zonetest.Start(t, zonetest.BIND, "shop 3600 IN A 192.0.2.1\nshop 3600 IN AAAA 2001:db8::1\n", zonetest.Options{IP: ip, Zone: "example.com", Notify: told})
	z.secondary = zonetest.Start(t, zonetest.Knot, "", zonetest.Options{IP: ip, Port: port, Zone: "example.com", Primary: z.primary.Addr})
	z.named(t, z.wire.Lay(t, ip, z.primary).Addr, "", z.primary.Addr, z.secondary.Addr)
	z.alike(t)
	return z
}

// alike waits until the secondary serves what the primary does.
func (z *zoned) alike(t *testing.T) {
	t.Helper()
	for giveUp := time.Now().Add(patient); len(z.secondary.Lookup("example.com", "SOA")) == 0 || z.secondary.Serial("example.com") != z.primary.Serial("example.com"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(giveUp) {
			t.Fatal("the secondary stays behind")
		}
	}
}

// run is one verb in a process of its own with a key, and what has to come of it.
func (z *zoned) run(t *testing.T, about string, code int, want, secret string, args ...string) {
	t.Helper()
	p := z.start(t, z.program, args, "CUTOVER_TSIG_SECRET="+secret)
	if got := p.end(t); got != code || !strings.Contains(p.out.String()+p.errs.String(), want) {
		t.Fatalf("%s: %q: exit code %d, want %d and %q\n%s\n%s", about, args, got, code, want, &p.out, &p.errs)
	}
}

// leads wants the name to have these addresses and no other, on both servers, after so many writes.
func (z *zoned) leads(t *testing.T, about string, writes uint32, four, six string) {
	t.Helper()
	z.alike(t)
	for _, s := range []*zonetest.Server{z.primary, z.secondary} {
		got := fmt.Sprint(s.Lookup("shop.example.com", "A"), s.Lookup("shop.example.com", "AAAA"))
		if n := s.Serial("example.com") - 1; n != writes || !strings.Contains(got, "\tA\t"+four+"]") || strings.Contains(got, "AAAA") != (six != "") || !strings.Contains(got, six) {
			t.Errorf("%s: after %d writes, want %d: %s", about, n, writes, got)
		}
	}
}

// What exit codes say of names, with the program itself: whatever a run came upon, no name is led in half.
func TestANameIsWholeWhateverARunComesUpon(t *testing.T) {
	z := zonedWorld(t)
	key, dns := z.primary.Secret, []string{"apply", "--phase", "dns", "--now"}
	z.run(t, "lower", 0, "ttl", key, "apply", "--phase", "ttl")
	z.leads(t, "lowered", 1, "192.0.2.1", "2001:db8::1")

	z.secondary.Stop()
	z.run(t, "a secondary is down", 7, "name server "+z.secondary.Addr+" of zone example.com could not be asked", key, dns...)
	z.secondary.Run()
	z.primary.Stop()
	z.run(t, "the primary is down", 7, "read zone example.com: ask "+z.wire.Addr, key, dns...)
	z.primary.Run()
	z.run(t, "a wrong key", 3, "refuses an update signed by key "+zonetest.Key, "d3JvbmctYnV0LWJhc2U2NA==", dns...)
	z.leads(t, "nobody was let in", 1, "192.0.2.1", "2001:db8::1")

	z.wire.Asked = func() bool {
		z.wire.Asked = nil
		z.primary.Update("example.com", "shop.example.com. A", "shop.example.com. 1 IN A 192.0.2.99")
		return false
	}
	z.run(t, "somebody was quicker", 4, "shop.example.com does not lead to the entry of old but to 192.0.2.99", key, dns...)
	z.leads(t, "somebody was quicker", 2, "192.0.2.99", "2001:db8::1")
	z.primary.Update("example.com", "shop.example.com. A", "shop.example.com. 1 IN A 192.0.2.1")

	z.killed(t, dns)
	z.leads(t, "killed after the update", 4, "192.0.2.2", "")
	z.unlock(t)
	z.run(t, "after the kill", 0, "done", key, dns...)
	z.leads(t, "after the kill", 4, "192.0.2.2", "")
	z.run(t, "back", 0, "dns", key, "rollback", "--phase", "dns")
	z.leads(t, "back", 5, "192.0.2.1", "2001:db8::1")
}

// killed is a run that dies by SIGKILL when the primary has answered its update and nobody has heard it.
func (z *zoned) killed(t *testing.T, args []string) {
	t.Helper()
	running := make(chan *process, 1)
	z.wire.Answered = func() bool {
		z.wire.Answered = nil
		_ = (<-running).Process.Kill() // it has not ended: it waits for this
		return true
	}
	p := z.start(t, z.program, args, "CUTOVER_TSIG_SECRET="+z.primary.Secret)
	running <- p
	if code := p.end(t); code != -1 {
		t.Fatalf("it was not killed: exit code %d\n%s", code, &p.errs)
	}
	last := journal.Entry{}
	for _, e := range z.entries(t, "new") {
		if e.Step == "swap:example.com" {
			last = e
		}
	}
	if last.What != journal.Begun || !strings.Contains(string(last.Was), "192.0.2.1") {
		t.Errorf("the journal says of the swap that it %s: %s", last.What, last.Was)
	}
}

// unlock takes the lock from the dead: nobody here waits until it has run out.
func (z *zoned) unlock(t *testing.T) {
	t.Helper()
	_, _, errs := z.world.run(t, []string{"unlock"})
	held := regexp.MustCompile(`held by (\S+) since`).FindStringSubmatch(errs)
	if held == nil {
		t.Fatal(errs)
	}
	if code, _, errs := z.world.run(t, []string{"unlock", "--holder", held[1]}); code != 0 {
		t.Fatal(errs)
	}
}
