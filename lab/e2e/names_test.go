package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/load/ledger"
	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/rehearse"
	lab "cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

// byName is the demo's plan with names that move, and one workload in a wave of its own.
var byName = slices.Concat(but(calm, "residual: 3s"), names.Plan(), loneWorkload)

// lagging are the groups that come to old's entry although the names lead to new.
var lagging = []string{rehearse.Stretched, rehearse.Keepers, rehearse.Stayers}

// One lab, so one test: each part starts where the one before it ended. Nobody tells the clients where to go.
func TestClientsThatFollowTheirNamesAndThoseThatDoNotLoseNothing(t *testing.T) {
	lengthy(t)
	wanted(t)
	r := start(t, setting{out: "names", plan: byName, names: true})
	r.part(t, "while names lead to old everybody is there", func(t *testing.T, r *rig) {
		r.goTo(t, append([]string{rehearse.Followers}, lagging...), world.Old)
	})
	r.part(t, "names are lowered while routes are laid", func(t *testing.T, r *rig) {
		for _, phase := range []string{"ttl", "proxy", "routes"} {
			r.well(t, "plan", "--phase", phase)
			r.apply(t, phase)
		}
		r.nobodyLate(t)
	})
	r.part(t, "names lead to new, and who follows them goes there", func(t *testing.T, r *rig) { r.swapped(t) })
	r.part(t, "status tells who still comes to old, by host", func(t *testing.T, r *rig) { r.comes(t) })
	r.part(t, "names lead back, and who follows them comes back", func(t *testing.T, r *rig) {
		r.well(t, "rollback", "--phase", "dns")
		r.goTo(t, []string{rehearse.Followers}, world.Old)
		r.nobodyLate(t)
	})
	r.part(t, "and lead to new once more", func(t *testing.T, r *rig) { r.swapped(t) })
	r.part(t, "what moves is answered by new at both entries", func(t *testing.T, r *rig) {
		r.apply(t, loneWave)
		r.tailed(t)
	})
	r.part(t, "all of it is proved once more", func(t *testing.T, r *rig) { r.well(t, "verify") })
	c, err := r.load.Stop()
	if r.ended = true; err != nil {
		t.Error(err)
	}
	for _, name := range append([]string{rehearse.Followers}, lagging...) {
		if g := c.ByGroup[name]; g.Lost > 0 || g.Sent < 500 {
			t.Errorf("%s: %d of %d requests lost (at least 500 are wanted)", name, g.Lost, g.Sent)
		}
		t.Logf("%s: %+v", name, c.ByGroup[name])
	}
}

// named starts the name servers, and gives the tool the key of their zones.
func (r *rig) named(t *testing.T) {
	t.Helper()
	err := lab.Names(t.Context(), r.world, progress.New(os.Stderr))
	if err == nil {
		r.tool, err = rehearse.Named(r.world, r.tool)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// goTo waits until all that these groups send goes to one entry.
func (r *rig) goTo(t *testing.T, groups []string, to world.Cluster) {
	t.Helper()
	r.until(t, fmt.Sprintf("%v go to the entry of %s", groups, to.Name), settled, func() error {
		before := r.load.Counters().ByGroup
		if !pause(t.Context(), 2*time.Second) {
			return t.Context().Err()
		}
		after := r.load.Counters().ByGroup
		for _, name := range groups {
			if went := sent(before[name], after[name]); len(went) != 1 || went[to.Name] == 0 {
				return fmt.Errorf("%s went to %v", name, went)
			}
		}
		return nil
	})
}

// sent is how many requests a group sent between two looks, by the entry that they came to.
func sent(before, after ledger.Group) map[string]int {
	went := map[string]int{}
	for entry, n := range after.ByEntry {
		if n -= before.ByEntry[entry]; n > 0 {
			went[entry] = n
		}
	}
	return went
}

// swapped runs the phase dns: from then on who follows goes to new, and the others still come to old.
func (r *rig) swapped(t *testing.T) {
	t.Helper()
	r.well(t, "plan", "--phase", "dns")
	r.apply(t, "dns")
	r.goTo(t, []string{rehearse.Followers}, world.New)
	before := r.load.Counters().ByGroup
	pause(t.Context(), 3*time.Second)
	for _, name := range lagging {
		if went := sent(before[name], r.load.Counters().ByGroup[name]); went[world.Old.Name] == 0 {
			t.Errorf("%s went to %v: nobody is late, and the rest would prove nothing", name, went)
		}
	}
}

// residual is what status says of who still comes to old's entry: requests by host.
func (r *rig) residual(t *testing.T) map[string]int {
	t.Helper()
	var s struct {
		Uncounted string
		Residual  []struct {
			Hosts    []string
			Requests int
			Unsure   string
		}
	}
	if err := json.Unmarshal(r.verb(t, "status").Stdout, &s); err != nil {
		t.Fatal(err)
	}
	came := map[string]int{}
	for _, l := range s.Residual {
		if l.Unsure != "" {
			t.Errorf("%v: %s", l.Hosts, l.Unsure)
		}
		came[strings.Join(l.Hosts, " ")] = l.Requests
	}
	if s.Uncounted != "" {
		t.Errorf("who still comes could not be counted: %s", s.Uncounted)
	}
	t.Logf("came to old's entry since then: %v", came)
	return came
}

// nobodyLate wants status to know of nobody who is late, since no name leads to new.
func (r *rig) nobodyLate(t *testing.T) {
	t.Helper()
	if came := r.residual(t); len(came) > 0 {
		t.Errorf("no name leads to new, and status tells of %v", came)
	}
}

// Hosts that one Service answers are told together; each namespace's tail has a line too.
const (
	ofLive = "chat.shop.test live.shop.test"
	ofShop = "chat.shop.test live.shop.test shop.test"
)

// comes wants status to know who comes to every host.
func (r *rig) comes(t *testing.T) {
	t.Helper()
	pause(t.Context(), 2*time.Second)
	came := r.residual(t)
	for _, hosts := range []string{"shop.test", ofLive, "*.blog.test", "media.test", "reports.test"} {
		if came[hosts] == 0 {
			t.Errorf("nobody came to old's entry for %s: %v", hosts, came)
		}
	}
	if came[ofShop] > 0 {
		t.Errorf("nothing is sent on yet, and a tail counted %d requests", came[ofShop])
	}
	got, err := r.tool.Run(t.Context(), nil, "status", "--plan", r.tool.Plan)
	if err == nil {
		err = got.Failed()
	}
	if err != nil || !strings.Contains(string(got.Stdout), "came to old's entry, though their names lead to new") {
		t.Errorf("status says (%v)\n%s", err, got.Stdout)
	}
	t.Logf("status:\n%s", got.Stdout)
}

// tailed wants new to answer who comes to old's entry for what has moved, and status to count them there.
func (r *rig) tailed(t *testing.T) {
	t.Helper()
	roots, err := rehearse.Roots(r.world)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range rehearse.Targets() {
		if target.Workload != loneOne {
			continue
		}
		for _, c := range world.Clusters() {
			if e := load.Check(t.Context(), roots, rehearse.EntryOf(c), target); e.Class != ledger.OK || e.Cluster != world.New.Name {
				t.Errorf("%s%s at the entry of %s: %s, answered by %s: %s", target.Host, target.Path, c.Name, e.Class, e.Cluster, e.Detail)
			}
		}
	}
	before := r.residual(t)[ofShop]
	r.until(t, "status counts late clients that are sent on", settled, func() error {
		if now := r.residual(t)[ofShop]; now <= before {
			return fmt.Errorf("%d, and before %d", now, before)
		}
		return nil
	})
}
