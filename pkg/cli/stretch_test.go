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
