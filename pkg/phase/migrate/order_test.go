package migrate

import (
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

func verbs(l phase.Lane) []string {
	var all []string
	for _, s := range l {
		verb, _, _ := strings.Cut(s.ID, ":")
		if strings.HasPrefix(s.ID, "scale:new") {
			verb = "start"
		}
		all = append(all, verb)
	}
	return all
}

// named finds the lanes of every group by its name.
func named(groups []phase.Group) map[string][]phase.Lane {
	all := map[string][]phase.Lane{}
	for _, g := range groups {
		name := strings.TrimRight(g.Name, " 0123456789")
		all[name] = append(all[name], g.Lanes...)
	}
	return all
}

func exclusively(m wave, ref plan.Ref) wave {
	m.Workloads = slices.Clone(m.Workloads)
	for i, w := range m.Workloads {
		m.Workloads[i].Exclusive = w.Ref == ref
	}
	return m
}

func TestWithoutATailOldEndsInAGroupOfItsOwnWhenNobodyComes(t *testing.T) {
	m := testWave(t)
	m.Plan.Spec.Tail = nil
	groups := m.waiting(m.levels([]plan.Ref{web, cart, api}), noFacts{})
	at := map[string]int{}
	for i, g := range groups {
		if name := strings.TrimRight(g.Name, " 0123456789"); name == "move" || at[name] == 0 {
			at[name] = i + 1
		}
	}
	if at["move"] == 0 || at["move"] >= at["nobody comes to old's entry"] || at["nobody comes to old's entry"] >= at["leave old"] {
		t.Fatalf("the last move, the wait and the first end are groups %v", at)
	}
	lanes := named(groups)
	if len(lanes["move"]) != 3 || len(lanes["leave old"]) != 3 {
		t.Fatalf("%d units move and %d leave, want 3 each", len(lanes["move"]), len(lanes["leave old"]))
	}
	for _, l := range lanes["move"] {
		if got := verbs(l); !slices.Equal(got, []string{"baseline", "swap", "prove", "watch"}) {
			t.Errorf("a unit moves by %v", got)
		}
	}
	for _, l := range lanes["leave old"] {
		if got := verbs(l); !slices.Equal(got, []string{"count", "quiet", "drain", "scale"}) {
			t.Errorf("a unit leaves by %v", got)
		}
	}
	var left []string
	for _, l := range lanes["leave old"] {
		left = append(left, strings.TrimPrefix(l[0].ID, "count:"))
	}
	if slices.Index(left, cart.String()) > slices.Index(left, api.String()) {
		t.Errorf("old's api ends before its caller cart: %v", left)
	}
}

func TestWhatNeverRunsTwiceEndsInOldBeforeItStartsInNewAndHasItsRoutesSwapped(t *testing.T) {
	m := exclusively(testWave(t), api)
	units := m.levels([]plan.Ref{api})[0]
	lane := m.move(units[0], noFacts{})
	want := []string{"baseline", "scale", "start", "capacity", "warm", "swap", "prove", "tail", "tailed", "watch"}
	if got := verbs(lane); !slices.Equal(got, want) {
		t.Errorf("it moves by %v, want %v", got, want)
	}
	if lane[1].Watch == nil || lane[5].Watch == nil {
		t.Error("the stretch has to begin where nobody answers any more, and the route is watched from its swap on")
	}
	if !strings.Contains(lane[1].Title, "gap") {
		t.Errorf("the plan does not state the gap: %q", lane[1].Title)
	}

	m.Plan.Spec.Tail = nil
	lanes := named(m.waiting(m.levels([]plan.Ref{web, api}), noFacts{}))
	if len(lanes["move"]) != 1 || lanes["move"][0][0].ID != "baseline:"+web.String() {
		t.Errorf("before the wait %d units move", len(lanes["move"]))
	}
	want = []string{"count", "quiet", "baseline", "scale", "start", "capacity", "warm", "swap", "prove", "watch"}
	if got := verbs(lanes["leave old"][len(lanes["leave old"])-1]); !slices.Equal(got, want) && !slices.Equal(verbs(lanes["leave old"][0]), want) {
		t.Errorf("without a tail it moves by %v, want %v", got, want)
	}
}

func TestAUnitWithoutRoutesWaitsForNobody(t *testing.T) {
	m := testWave(t)
	m.Plan.Spec.Tail, m.Inventory.Ingresses = nil, nil
	lanes := named(m.waiting(m.levels([]plan.Ref{api}), noFacts{}))
	if len(lanes) != 1 || !slices.Equal(verbs(lanes["leave old"][0]), []string{"drain", "scale"}) {
		t.Errorf("lanes %v", lanes)
	}
	if len(m.measurable(m.levels([]plan.Ref{api}))) != 0 {
		t.Error("counters are asked for, and nothing is counted")
	}
}

func TestWhomNobodyCallsHasNothingInFlight(t *testing.T) {
	m := testWave(t)
	m.Inventory.Ingresses, m.Inventory.Services = nil, nil
	if got := verbs(m.leave(m.levels([]plan.Ref{api})[0][0], noFacts{})); !slices.Equal(got, []string{"scale"}) {
		t.Errorf("it leaves old by %v", got)
	}
}
