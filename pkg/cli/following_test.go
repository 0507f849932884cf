package cli_test

import (
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/plan"
)

// It is what propose goes by.
func TestARunAfterWhichAllWithinThroughIsDoneNamesWhatFollows(t *testing.T) {
	w := newWorld(t)
	p, err := plan.Load(w.plan)
	if err != nil {
		t.Fatal(err)
	}
	log, err := journal.Open(t.Context(), cluster.New(w.connect(t, "new"), "cutover-system", "two"), "a test")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"proxy", "routes"} {
		for _, e := range []journal.Entry{{Step: "x", What: journal.Begun}, {Step: "x", What: journal.Done}, {What: journal.Finished}} {
			e.Plan, e.Phase = p.Digest(), name
			if err := log.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if code, out, errs := w.run(t, []string{"apply", "--output", "json"}); code != 0 || !strings.Contains(out, `"following": "migrate/shop"`) {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}
