package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/report"
)

// Who reads any later summary learns of it, once.
func TestAPhaseThatNobodyApprovedIsToldOfInEverySummary(t *testing.T) {
	const run = "https://example.com/acme/shop/actions/runs/7 attempt 1 by ann"
	got := unapproved([]journal.Entry{
		{Run: run, Phase: "proxy"},
		{Run: run + " (why not) (" + withoutApproval + "GitHub is down (again))", Phase: "dns", Step: "swap"},
		{Run: run + " (" + withoutApproval + "GitHub is down (again))", Phase: "dns"},
		{Run: run + " (" + withoutApproval + "late)", Phase: "stepdown"},
		{Run: run + " (" + withoutApproval + "GitHub is down (again))" + notWaited, Phase: "dns"},
	})
	if want := []string{"dns, GitHub is down (again)", "stepdown, late"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	d := report.Document{Verb: "status", Unapproved: got}
	markdown, _ := report.Markdown(d, 0)
	var text bytes.Buffer
	if err := report.End(&text, d); err != nil {
		t.Fatal(err)
	}
	for _, line := range got {
		for where, said := range map[string]string{"summary": markdown, "text": text.String()} {
			if strings.Count(said, line) != 1 {
				t.Errorf("the %s does not say %q once:\n%s", where, line, said)
			}
		}
	}
}

func TestOnlyAPhaseThatWantsAnApprovalIsSaidToRunWithoutOne(t *testing.T) {
	p := &plan.Plan{}
	p.Spec.Approvals = map[string]string{"dns": "production"}
	s := &session{call: &call{flags: flags{Unapproved: "late (very)"}}, plan: p, run: "run" + notWaited}
	if got := unapproved([]journal.Entry{{Run: s.runOf("proxy"), Phase: "proxy"}, {Run: s.runOf("dns"), Phase: "dns"}}); !slices.Equal(got, []string{"dns, late (very)"}) {
		t.Errorf("%q", got)
	}
	s.call.flags.Unapproved = ""
	if got := s.runOf("dns"); got != s.run {
		t.Error(got)
	}
}
