package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/hub/hubtest"
	"cutover.dev/cutover/pkg/report"
)

// offered reads the verbs from what action.yml says about its input.
func offered(t *testing.T) []string {
	t.Helper()
	found := regexp.MustCompile(`What to do: ([a-z, ]+)\.`).FindStringSubmatch(read(t, "../../action.yml"))
	if found == nil {
		t.Fatal("action.yml does not list the verbs")
	}
	return regexp.MustCompile(`, | or `).Split(found[1], -1)
}

// A later job goes by the output result: a verb that ends without one looks as if it had never run.
func TestEveryVerbOfTheActionEndsWithOutputsASummaryAndAReport(t *testing.T) {
	w := newWorld(t)
	verbs := offered(t)
	if len(verbs) < 11 || !slices.Contains(verbs, "adopt") {
		t.Fatalf("action.yml offers %q", verbs)
	}
	t.Chdir(w.dir)
	evidence := `{"verb": "apply", "plan": "two", "phase": "proxy", "result": "waiting"}`
	if err := os.WriteFile("run.json", []byte(evidence), 0o600); err != nil {
		t.Fatal(err)
	}
	inputs := map[string][]string{"apply": {"phase", "migrate/shop"}, "rollback": {"phase", "proxy"}, "propose": {"evidence", "run.json"}}
	results := map[string]string{"apply": "refused"} // of a phase whose turn it is not
	for _, verb := range verbs {
		if verb == "adopt" { // has a test of its own
			continue
		}
		want := results[verb]
		if want == "" {
			want = report.Result(0)
		}
		w.step(t, verb, want, false, inputs[verb]...)
	}
}

func TestAdoptAsAStepSaysWhatItTookIn(t *testing.T) {
	w := newWorld(t)
	w.moved(t, false)
	t.Chdir(w.dir)
	if s := w.step(t, "adopt", "done", false); s.Outputs()["next-phase"] != "" || strings.Contains(s.Summary(), "Taken in") {
		t.Errorf("nothing changed, and it says %q\n%s", s.Outputs(), s.Summary())
	}
	w.create(t, "old", strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(workload, "---\n"), "web", "more"), "shop.example", "more.example"))
	w.step(t, "adopt", "refused", false) // it is in no wave
	plan := strings.Replace(read(t, w.plan), "[shop/Deployment/web]", "[shop/Deployment/web, shop/Deployment/more]", 1)
	plan = strings.Replace(plan, "through: routes", "through: cleanup", 1)
	if err := os.WriteFile(w.plan, []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	s := w.step(t, "adopt", "done", true)
	if s.Outputs()["next-phase"] != "cleanup" || !strings.Contains(s.Summary(), "workload shop/Deployment/more appeared") {
		t.Errorf("it says %q\n%s", s.Outputs(), s.Summary())
	}
	code, out, errs := w.run(t, []string{"adopt", "--output", "json"})
	var d report.Document
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != 0 || d.Verb != "adopt" || d.Result != "done" || d.Mutated || len(d.Adopted) != 0 {
		t.Errorf("adopt as JSON: code %d, %v\n%s%s", code, err, out, errs)
	}
}

// step runs a verb as a step of a workflow, and wants what every one leaves: outputs, a summary and a report.
func (w *world) step(t *testing.T, verb, result string, mutated bool, inputs ...string) *runnertest.Step {
	t.Helper()
	if err := os.RemoveAll("cutover-report.json"); err != nil {
		t.Fatal(err)
	}
	s := w.job(t).Set("GITHUB_REPOSITORY", "acme/shop", "GITHUB_API_URL", hubtest.Start(t).URL, "GITHUB_TOKEN", hubtest.Token)
	s.With(append([]string{"verb", verb, "plan", filepath.Base(w.plan)}, inputs...)...)
	code := act(t, s)
	is, dropped := s.JobOutputs()
	if is["result"] != result || is["report"] == "" || is["mutated"] != map[bool]string{true: "true", false: "false"}[mutated] || (code == 0) != (result == "done") || len(dropped) > 0 || s.Refused() {
		t.Errorf("%s: code %d, outputs %q, want the result %s; %q\n%s", verb, code, is, result, dropped, s.Log())
	}
	if !strings.Contains(s.Summary(), "### cutover "+verb) {
		t.Errorf("%s: the summary is %q", verb, s.Summary())
	}
	var d report.Document
	b, err := os.ReadFile("cutover-report.json")
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err != nil || d.Verb != verb || d.Result != result || d.Mutated != mutated {
		t.Errorf("%s: the report (%v): %s", verb, err, b)
	}
	return s
}
