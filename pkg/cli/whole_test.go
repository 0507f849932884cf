package cli_test

import (
	"fmt"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/journal"
)

// Who approves reads the summary. So what it cannot show is not up for approval, and the report has it.
func TestWhatDoesNotFitInASummaryIsNotUpForApproval(t *testing.T) {
	w := newWorld(t)
	t.Chdir(w.dir)
	const path = `{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}`
	var paths []string
	for i := range 2500 { // each is a step, and a row of the summary that says it twice
		paths = append(paths, strings.Replace(path, "path: /", fmt.Sprintf("path: /%d-%s", i, strings.Repeat("x", 200)), 1))
	}
	many := strings.Replace(workload[strings.LastIndex(workload, "---\n")+len("---\n"):], path, strings.Join(paths, ", "), 1)
	w.create(t, "old", strings.NewReplacer("name: web, namespace", "name: many, namespace", "shop.example", "many.example").Replace(many))
	if s := w.step(t, "plan", "done", false, "phase", "routes"); !strings.Contains(s.Summary(), "\nWay back: roll back routes\n") {
		t.Errorf("nobody has to approve it, and it says\n%.500s", s.Summary())
	}
	w.write(t, "{routes: production}")
	const no = "routes wants to be approved on production, and what it would change does not fit in a summary"
	if s := w.step(t, "plan", "refused", false, "phase", "routes"); !strings.Contains(s.Summary(), no) {
		t.Errorf("plan says\n%.500s", s.Summary())
	}
	if report := read(t, "cutover-report.json"); strings.Count(report, `"prove:`) < 2500 {
		t.Errorf("the report has not all of it: %d bytes", len(report))
	}
	w.remember(t, journal.Entry{Phase: "proxy", What: journal.Finished})
	if s := w.step(t, "next", "refused", false); !strings.Contains(s.Summary(), no) || s.Outputs()["digest"] != "" {
		t.Errorf("next: outputs %q\n%.500s", s.Outputs(), s.Summary())
	}
	if code, out, errs := w.run(t, []string{"next"}); code != 0 || !strings.Contains(out, "next routes\napproval production\ndigest ") {
		t.Errorf("by hand there is no summary to fit in: code %d\n%s%s", code, out, errs)
	}
}
