package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"cutover.dev/cutover/lab/ipsec"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
)

// One lab, so one test: each part starts where the one before it ended.
func TestALinkThatIsAnIPsecTunnelIsNamedAndThenPasses(t *testing.T) {
	lengthy(t)
	wanted(t)
	r := start(t, setting{out: "ipsec", plan: linked, database: true})
	r.tool.Net = world.NetRunner
	link, err := wan.Start(t.Context(), ipsec.Tunnel(r.world))
	if err != nil {
		t.Fatal(err)
	}
	open := true
	t.Cleanup(func() { // before the lab goes down, unless a part has done it
		if open {
			unlink(t, link)
		}
	})
	r.part(t, "every path is refused, and names the rule that is missing", func(t *testing.T, r *rig) {
		rules := namesRules(t, r)
		for _, c := range world.Clusters() {
			openFor(t, link, c, rules[c.Name]...)
		}
	})
	r.part(t, "with these rules and no others every path passes, through the tunnel", func(t *testing.T, r *rig) {
		before := through(t, r.world)
		r.passes(t, "apply")
		for name, after := range through(t, r.world) {
			// Large packets went each way: to the tail and to three members of each side.
			if in, out := after.BytesIn-before[name].BytesIn, after.BytesOut-before[name].BytesOut; in < 100<<10 || out < 100<<10 {
				t.Errorf("of %s only %d bytes came in and %d went out", name, in, out)
			}
			t.Logf("%s: %+v, before %+v", name, after, before[name])
		}
	})
	r.part(t, "without the tunnel nothing passes", func(t *testing.T, r *rig) {
		if err := ipsec.Down(t.Context(), r.world); err != nil {
			t.Fatal(err)
		}
		r.nothing(t, link)
		if err := ipsec.Up(t.Context(), r.world); err != nil {
			t.Fatal(err)
		}
		r.passes(t, "verify")
	})
	r.part(t, "with a link that is cut below it nothing passes", func(t *testing.T, r *rig) {
		meanwhile(t, link, wan.Faults{Cut: true}, func() { crosses(t, false) })
		r.passes(t, "verify")
	})
	r.part(t, "when it is gone the lab is as it was", func(t *testing.T, r *rig) {
		open = false
		unlink(t, link)
		r.passes(t, "verify")
		r.well(t, "rollback", "--phase", "link")
		relaysGone(t, r)
	})
}

func unlink(t *testing.T, link *wan.Link) {
	t.Helper()
	if err := link.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func through(t *testing.T, w world.World) map[string]ipsec.Counters {
	t.Helper()
	all := map[string]ipsec.Counters{}
	for _, c := range world.Clusters() {
		got, err := ipsec.Count(t.Context(), w, c)
		if err != nil {
			t.Fatal(err)
		}
		all[c.Name] = got
	}
	return all
}

// passes wants every path of the link to be good.
func (r *rig) passes(t *testing.T, verb string) {
	t.Helper()
	got := r.verb(t, verb, "--phase", "link")
	if paths, _ := matrix(t, got); got.Failed() != nil || slices.ContainsFunc(paths, func(p rehearse.Reached) bool { return !p.Good() }) {
		t.Errorf("%v", got.Failed())
	}
}

// nothing wants every path to be silent, and nothing on the link.
func (r *rig) nothing(t *testing.T, link *wan.Link) {
	t.Helper()
	crosses(t, false)
	before := map[string]int64{}
	for _, c := range world.Clusters() {
		before[c.Name], _ = link.Carried(c)
	}
	got := r.verb(t, "verify", "--phase", "link")
	paths, _ := matrix(t, got)
	if got.Code == 0 || slices.ContainsFunc(paths, func(p rehearse.Reached) bool { return p.State != "timed out" }) {
		t.Errorf("exit code %d\n%s", got.Code, got.Stderr)
	}
	for _, c := range world.Clusters() {
		// The network itself says something now and then (IPv6 looks for routers); eleven paths would be many more.
		if after, _ := link.Carried(c); after > before[c.Name]+5 {
			t.Errorf("%d packets of %s came through", after-before[c.Name], c.Name)
		}
	}
}

// crosses dials a member of each side from the network of the other.
func crosses(t *testing.T, want bool) {
	t.Helper()
	for from, to := range map[string]string{world.Old.Net(): world.New.MongodHosts()[0], world.New.Net(): world.Old.MongodHosts()[0]} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		conn, err := world.Dial(ctx, from, "tcp", to)
		cancel()
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != want {
			t.Errorf("from %s to %s: %v", from, to, err)
		}
	}
}
