package main

import (
	"encoding/json"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/load/ledger"
	"cutover.dev/cutover/lab/rehearse"
)

func TestARunWithAWrongRightDoesNotCount(t *testing.T) {
	if got := (*rightsPart)(nil).problems(); len(got) != 0 {
		t.Errorf("rights that were not compared have the problems %q", got)
	}
	for name, c := range map[string]struct {
		rights rehearse.Rights
		want   int
	}{
		"good":     {rehearse.Rights{Granted: 9, Used: 7}, 0},
		"wrong":    {rehearse.Rights{Granted: 9, Used: 7, Wrong: []string{"run in new: bind roles: is granted and was never used", "another"}}, 2},
		"no event": {rehearse.Rights{Granted: 9}, 1},
	} {
		p := &rightsPart{c.rights}
		if got := p.problems(); len(got) != c.want {
			t.Errorf("%s: problems are %q", name, got)
		}
		r := newReport()
		r.Rights, r.Database = p, moved()
		r.finish(t.Context(), &demo{}, ledger.Counters{Sent: 1}, nil)
		if len(r.Problems) != c.want {
			t.Errorf("%s: problems of the run are %q", name, r.Problems)
		}
		if raw, err := json.Marshal(r); err != nil || !strings.Contains(string(raw), `"rights":{"granted":9`) {
			t.Errorf("%s: the report is %s (%v)", name, raw, err)
		}
		if !strings.Contains(r.markdown(), "| rights granted / used / wrong, by both audit logs | 9 / ") {
			t.Errorf("%s: the text is %s", name, r.markdown())
		}
	}
}
