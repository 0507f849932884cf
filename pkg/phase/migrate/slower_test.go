package migrate

import (
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/probe"
)

// A path is held against what it took itself: neither the quick control probes in between nor a path that was always slow
// make up for it.
func TestEachPathMayGetSlowerByTheFactorOfThePlan(t *testing.T) {
	p := &plan.Plan{}
	p.Spec.Probe.Latency = 3
	m := wave{Deps: parts.Deps{Plan: p}}
	known := map[string]probe.Normal{"quick/": {Median: 40 * time.Millisecond}, "slow/": {Median: 2 * time.Second}}
	for name, c := range map[string]struct {
		quick, slow time.Duration
		want        string
	}{
		"as before":             {40 * time.Millisecond, 2 * time.Second, ""},
		"within the factor":     {119 * time.Millisecond, 5 * time.Second, ""},
		"the quick one is slow": {500 * time.Millisecond, 2 * time.Second, "quick/: half of the answers took more than 500ms; it took 40ms before and may take 120ms"},
		"the slow one is worse": {40 * time.Millisecond, 7 * time.Second, "slow/: half"},
	} {
		l := &probe.Ledger{P50: time.Millisecond, Targets: []probe.Tally{
			{Name: "keeper/", P50: time.Millisecond}, {Name: "quick/", P50: c.quick}, {Name: "slow/", P50: c.slow},
		}}
		if got := m.slower(l, known); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	p.Spec.Probe.Latency = 1
	l := &probe.Ledger{Targets: []probe.Tally{{Name: "quick/", P50: 80 * time.Millisecond}}}
	if got := m.slower(l, known); got != "" {
		t.Errorf("a few milliseconds are the machine's mood: %q", got)
	}
}
