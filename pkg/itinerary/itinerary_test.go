package itinerary_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/plan"
)

// shop is a plan of proxy, routes, migrate/a, migrate/b, cleanup.
func shop(through string) *plan.Plan {
	p := &plan.Plan{}
	p.Spec.Through = through
	p.Spec.DNS.None = "the lab has no names"
	p.Spec.Waves = []plan.Wave{{Name: "a"}, {Name: "b"}}
	return p
}

// log is a journal written by the words: "proxy" finished, "+routes" begun, "-proxy" rolled back.
func log(t *testing.T, p *plan.Plan, words ...string) *journal.Log {
	t.Helper()
	l, err := journal.Open(t.Context(), &journal.Memory{}, "run")
	if err != nil {
		t.Fatal(err)
	}
	add := func(ctx context.Context, phase, step string, what journal.What) {
		if err := l.Append(ctx, journal.Entry{Plan: p.Digest(), Phase: phase, Step: step, What: what}); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range words {
		switch name := strings.TrimLeft(w, "+-"); w[0] {
		case '+':
			add(t.Context(), name, "x", journal.Begun)
		case '-':
			add(t.Context(), name, "x", journal.Reverted)
			add(t.Context(), name, "", journal.Left)
		default:
			add(t.Context(), name, "x", journal.Begun)
			add(t.Context(), name, "x", journal.Done)
			add(t.Context(), name, "", journal.Finished)
		}
	}
	return l
}

func states(stops []itinerary.Stop) string {
	var words []string
	for _, s := range stops {
		words = append(words, s.Name+"="+s.State)
	}
	return strings.Join(words, " ")
}

func TestStopsFollowFromPlanAndJournal(t *testing.T) {
	for name, c := range map[string]struct {
		through string
		journal []string
		want    string
		next    string
	}{
		"a fresh plan":                  {"routes", nil, "proxy=next routes=later migrate/a=beyond migrate/b=beyond cleanup=beyond", "proxy"},
		"a phase in the middle":         {"migrate/a", []string{"proxy", "+routes"}, "proxy=done routes=open migrate/a=later migrate/b=beyond cleanup=beyond", "routes"},
		"nothing left":                  {"routes", []string{"proxy", "routes"}, "proxy=done routes=done migrate/a=beyond migrate/b=beyond cleanup=beyond", ""},
		"taken back":                    {"routes", []string{"proxy", "routes", "-routes"}, "proxy=done routes=next migrate/a=beyond migrate/b=beyond cleanup=beyond", "routes"},
		"finished, then being undone":   {"routes", []string{"proxy", "routes", "+routes"}, "proxy=done routes=open migrate/a=beyond migrate/b=beyond cleanup=beyond", "routes"},
		"through was moved back":        {"proxy", []string{"proxy", "+routes"}, "proxy=done routes=open migrate/a=beyond migrate/b=beyond cleanup=beyond", ""},
		"a wave lost while it is open":  {"cleanup", []string{"proxy", "+migrate/old"}, "proxy=done routes=later migrate/a=later migrate/b=later cleanup=later migrate/old=open", ""},
		"a wave lost and taken back":    {"proxy", []string{"migrate/old", "-migrate/old"}, "proxy=next routes=beyond migrate/a=beyond migrate/b=beyond cleanup=beyond", "proxy"},
		"a wave put before an open one": {"cleanup", []string{"proxy", "routes", "+migrate/b"}, "proxy=done routes=done migrate/a=later migrate/b=open cleanup=later", "migrate/b"},
		"the same, beyond through":      {"migrate/a", []string{"proxy", "routes", "+migrate/b"}, "proxy=done routes=done migrate/a=later migrate/b=open cleanup=beyond", ""},
		"through names no phase":        {"nowhere", nil, "proxy=beyond routes=beyond migrate/a=beyond migrate/b=beyond cleanup=beyond", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := shop(c.through)
			stops := itinerary.Of(p, log(t, p, c.journal...))
			if got := states(stops); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if next, ok := itinerary.Next(stops); next.Name != c.next || ok != (c.next != "") {
				t.Errorf("next is %q, want %q", next.Name, c.next)
			}
		})
	}
}

func TestTheLinkIsProvedBeforeAnythingElse(t *testing.T) {
	p := shop("cleanup")
	p.Spec.Link = &plan.Link{}
	stops := itinerary.Of(p, log(t, p))
	if next, ok := itinerary.Next(stops); !ok || next.Name != "link" || stops[0].Name != "link" {
		t.Fatal(states(stops))
	}
	if !strings.Contains(stops[1].Why, "after link") {
		t.Errorf("proxy does not say what it waits for: %q", stops[1].Why)
	}
}

func TestEveryPhaseOfAPlanIsBuilt(t *testing.T) {
	p := shop("cleanup")
	p.Spec.Link, p.Spec.MongoDB, p.Spec.DNS = &plan.Link{}, &plan.MongoDB{}, plan.DNS{Zones: []plan.Zone{{}}}
	for _, name := range p.Phases() {
		if !itinerary.Built(name) {
			t.Errorf("%s is not", name)
		}
	}
	if itinerary.Built("teleport") {
		t.Error("and so is what nobody knows")
	}
}

func TestAnEarlierPlanIsNamed(t *testing.T) {
	before := shop("routes")
	l := log(t, before, "proxy")
	now := shop("routes")
	now.Spec.Waves = now.Spec.Waves[:1]
	if s := itinerary.Of(now, l)[0]; s.State != itinerary.StateDone || !strings.Contains(s.Why, "earlier plan") {
		t.Errorf("%+v", s)
	}
	if s := itinerary.Of(before, l)[0]; strings.Contains(s.Why, "earlier plan") {
		t.Errorf("the same plan is called an earlier one: %+v", s)
	}
}

func TestTheWayBackIsNewestFirst(t *testing.T) {
	p := shop("cleanup")
	stops := itinerary.Of(p, log(t, p, "proxy", "routes", "+migrate/a"))
	for to, want := range map[string][]string{
		"migrate/a": {"migrate/a"},
		"routes":    {"migrate/a", "routes"},
		"":          {"migrate/a", "routes", "proxy"},
	} {
		if got, err := itinerary.Back(stops, to); err != nil || !slices.Equal(got, want) {
			t.Errorf("back to %q: %v, %v, want %v", to, got, err, want)
		}
	}
	for _, to := range []string{"migrate/b", "nowhere"} {
		if got, err := itinerary.Back(stops, to); fault.CodeOf(err) != fault.Usage || got != nil {
			t.Errorf("back to %s: %v, %v", to, got, err)
		}
	}
	lost := itinerary.Of(p, log(t, p, "proxy", "+migrate/old"))
	if got, err := itinerary.Back(lost, "proxy"); fault.CodeOf(err) != fault.Refused || got != nil {
		t.Errorf("past a lost wave: %v, %v", got, err)
	}
}

func TestThroughMovesOnOnceAllWithinItIsFinished(t *testing.T) {
	for name, c := range map[string]struct {
		through string
		journal []string
		want    string
	}{
		"nothing done":               {"routes", nil, ""},
		"a phase is missing":         {"routes", []string{"proxy"}, ""},
		"all done":                   {"routes", []string{"proxy", "routes"}, "migrate/a"},
		"the last is being undone":   {"routes", []string{"proxy", "routes", "+routes"}, ""},
		"more done than through":     {"proxy", []string{"proxy", "routes"}, "routes"},
		"a hole":                     {"routes", []string{"routes"}, ""},
		"all there is":               {"cleanup", []string{"proxy", "routes", "migrate/a", "migrate/b", "cleanup"}, ""},
		"open, and not in the plan":  {"routes", []string{"proxy", "routes", "+migrate/x"}, ""},
		"done, and not in the plan":  {"routes", []string{"proxy", "routes", "migrate/x"}, "migrate/a"},
		"taken back what comes next": {"routes", []string{"proxy", "routes", "+migrate/a", "-migrate/a"}, "migrate/a"},
	} {
		p := shop(c.through)
		got, ok := itinerary.Following(p, itinerary.Of(p, log(t, p, c.journal...)))
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}
