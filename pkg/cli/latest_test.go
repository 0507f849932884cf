package cli_test

import (
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// A job of an old commit, repeated, brings the plan of then.
func TestAJobGoesOnByNoPlanThatALaterOneTookThePlaceOf(t *testing.T) {
	w := newWorld(t)
	t.Chdir(w.dir)
	p, err := plan.Load(w.plan)
	if err != nil {
		t.Fatal(err)
	}
	const later = "0123456789abcdef"
	add := func(entries ...journal.Entry) { w.remember(t, entries...) }
	const no = "ran before, and proxy has run by a later one (0123456789ab) since"
	says := func(when, verb string, want bool, inputs ...string) {
		t.Helper()
		before := len(w.entries(t, phase.New))
		s := w.step(t, verb, "refused", false, inputs...) // proxy is not really there, which is said as well
		if strings.Contains(s.Summary(), "gate latest: this plan") != want || len(w.entries(t, phase.New)) != before {
			t.Errorf("%s, %s: want %v of\n%.1500s", when, verb, want, s.Summary())
		}
	}
	add(journal.Entry{Phase: "proxy", What: journal.Finished, Plan: p.Digest()})
	says("the only plan", "apply", false)
	add(journal.Entry{Phase: "proxy", Step: "x", Gen: 1, What: journal.Begun, Plan: later}, journal.Entry{Phase: "proxy", What: journal.Finished, Plan: later})
	add(journal.Entry{Phase: "routes", What: journal.Left, Plan: p.Digest()}) // a way back goes by the plan that began it
	for _, verb := range []string{"plan", "apply"} {
		says("an older plan", verb, true)
		says("an older plan that is meant", verb, false, "older-plan", "we took the change back")
	}
	if _, _, errs := w.run(t, []string{"plan"}); !strings.Contains(errs, no) || strings.Contains(errs, "gate latest") {
		t.Errorf("by hand it is said alone:\n%s", errs)
	}
	if _, _, errs := w.run(t, []string{"rollback", "--phase", "proxy"}); strings.Contains(errs, no) {
		t.Errorf("a way back asks for no plan:\n%s", errs)
	}
	add(journal.Entry{Phase: "proxy", What: journal.Finished, Plan: p.Digest()})
	says("the newest again", "apply", false)
}

// remember adds entries to the journal in new.
func (w *world) remember(t *testing.T, entries ...journal.Entry) {
	t.Helper()
	store := cluster.New(w.connect(t, phase.New), "cutover-system", "two")
	_, version, err := store.Load(t.Context())
	if err == nil {
		_, err = store.Append(t.Context(), version, entries)
	}
	if err != nil {
		t.Fatal(err)
	}
}
