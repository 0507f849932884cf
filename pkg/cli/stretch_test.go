package cli_test

import (
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/journal"
)

// A stretch of one phase that was cut off comes to its end in the next run, whatever that one is about and whether it may
// do that at all.
func TestAnyRunFirstEndsWhatWasLeftHalfWay(t *testing.T) {
	w := newWorld(t)
	w.moved(t, true)
	code, out, errs := w.run(t, []string{"apply", "--phase", "cleanup"})
	if code != 3 || !strings.Contains(errs, "order") {
		t.Errorf("apply of another phase: code %d\n%s%s", code, out, errs)
	}
	last := journal.Entry{Phase: "migrate/shop", Step: tailID, What: journal.Done}
	for _, env := range []string{"new", "old"} {
		if !slices.ContainsFunc(w.entries(t, env), func(e journal.Entry) bool {
			return e.Phase == last.Phase && e.Step == last.Step && e.What == last.What
		}) {
			t.Errorf("the stretch is still open in the journal of %s\n%s", env, errs)
		}
	}
}

// Nor does a job of an older plan end what is half-way, whatever it is about: it changes nothing, and says so.
func TestAJobOfAnOlderPlanLeavesWhatIsHalfWayToTheNewest(t *testing.T) {
	w := newWorld(t)
	w.moved(t, true)
	t.Chdir(w.dir)
	w.remember(t, journal.Entry{Phase: "routes", What: journal.Finished, Plan: "0123456789abcdef"})
	before := len(w.entries(t, "new"))
	for verb, inputs := range map[string][]string{"apply": {"phase", "cleanup"}, "adopt": nil, "recover": nil} {
		s := w.step(t, verb, "refused", false, inputs...)
		if after := len(w.entries(t, "new")); after != before || !strings.Contains(s.Summary(), "ran before, and routes has run by a later one") {
			t.Errorf("%s wrote %d entries, and says\n%.1500s", verb, after-before, s.Summary())
		}
	}
	w.step(t, "adopt", "done", false, "older-plan", "we took the change back")
	if len(w.entries(t, "new")) == before {
		t.Error("where the older plan is meant, the stretch is still open")
	}
}

// The post step of a job that died is of its plan too. One that began the stretch itself is overtaken only once somebody went on; a
// rollback never is.
func TestAPostStepOfAnOlderPlanEndsWhatARollbackLeft(t *testing.T) {
	w := newWorld(t)
	w.moved(t, true)
	t.Chdir(w.dir)
	w.remember(t, journal.Entry{Phase: "routes", What: journal.Finished, Plan: "0123456789abcdef"})
	before := len(w.entries(t, "new"))
	for _, verb := range []string{"apply", "recover"} {
		post := w.job(t, "verb", verb).Post()
		code := act(t, post, true)
		if after := len(w.entries(t, "new")); code == 0 || after != before || !strings.Contains(post.Summary(), "ran before, and routes has run by a later one") {
			t.Errorf("after %s: code %d, it wrote %d entries, and says\n%.1500s", verb, code, after-before, post.Summary())
		}
	}
	newest := w.newest(t)
	post := w.job(t, "verb", "rollback", "phase", "migrate/shop").Post()
	if code := act(t, post, true); code != 0 || newest(tailID) != journal.Done {
		t.Errorf("after a rollback: code %d, the tail is %s\n%s", code, newest(tailID), post.Log())
	}
}

func TestAnOlderPlanThatIsMeantEndsWhatIsHalfWay(t *testing.T) {
	w := newWorld(t)
	w.moved(t, true)
	t.Chdir(w.dir)
	w.remember(t, journal.Entry{Phase: "routes", What: journal.Finished, Plan: "0123456789abcdef"})
	newest := w.newest(t)
	if s := w.step(t, "recover", "done", false, "older-plan", "we took the change back"); newest(tailID) != journal.Done {
		t.Errorf("the tail is %s\n%s", newest(tailID), s.Log())
	}
}
