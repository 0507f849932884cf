package report_test

import (
	"testing"

	"cutover.dev/cutover/pkg/report"
)

func TestWhatTheSummaryOfAPlanDoesNotShowIsNotWhole(t *testing.T) {
	for _, c := range []struct {
		n, detail, diff int
		whole           bool
	}{
		{10, 10, 2, true},
		{5000, 10, 2, true},
		{5000, 10, 500, false}, // its differences are left out
		{3000, 500, 0, false},  // its steps are counted alone
	} {
		d := large(c.n, c.detail, c.diff)
		if got := report.Whole(d); got != c.whole {
			t.Errorf("%+v: whole %v", c, got)
		}
		if _, truncated := report.Markdown(d, 0); truncated && report.Whole(d) {
			t.Errorf("%+v: whole, and the summary says that it is not", c)
		}
	}
	d := large(3000, 500, 0)
	for i := range d.Steps {
		d.Steps[i].State = report.Done
	}
	if !report.Whole(d) {
		t.Error("what is there already need not be shown")
	}
}
