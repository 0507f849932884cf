package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/cli"
	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/hub/hubtest"
	"cutover.dev/cutover/pkg/report"
)

const planPath = "plans/two.yaml"

// proposing is a checkout of a plan, with the reports of a run and of a plan beside it.
type proposing struct {
	*hubtest.Hub
	vars map[string]string
	text string
}

func newProposing(t *testing.T) *proposing {
	t.Helper()
	t.Chdir(t.TempDir())
	p := &proposing{Hub: hubtest.Start(t), text: "# who owns it: @platform\n" +
		fmt.Sprintf(planText, "0b7f6c1e-6a0f-4a53-a9ad-3b0a5d2d7f10", "5b1c2a90-7c2e-4b0b-8f5e-d2f7c1f0a911", "{migrate/shop: production}")}
	p.Commit("main", "Plan", planPath, p.text)
	p.vars = map[string]string{
		"GITHUB_API_URL": p.URL, "GITHUB_SERVER_URL": "https://github.test", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_REF": "refs/heads/main",
		"GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_TOKEN": hubtest.Token,
	}
	if err := os.Mkdir("plans", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(planPath, []byte(p.text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.report(t, "run.json", report.Document{
		Verb: "apply", Phase: "routes", Result: "done", Plan: "two", Following: "migrate/shop",
		Steps: []report.Step{{ID: "apply:new/shop/Ingress/web", Title: "apply", State: report.Done}}, Requests: []report.Requests{{Name: "all", Sent: 50, Good: 50}},
	})
	p.report(t, "next.json", report.Document{
		Verb: "plan", Phase: "migrate/shop", Result: "done", Plan: "two", Digest: "3f9c2a7e",
		Steps: []report.Step{{ID: "scale:old/shop/Deployment/web", Title: "scale to 0", State: report.Pending, Diff: "-  replicas: 3\n+  replicas: 0\n"}},
	})
	return p
}

// job is a step of a job on the checkout.
func (p *proposing) job(t *testing.T, inputs ...string) *runnertest.Step {
	t.Helper()
	s := runnertest.NewStep(t)
	maps.Copy(s.Env, p.vars)
	return s.With(append([]string{"plan", planPath}, inputs...)...)
}

func (p *proposing) report(t *testing.T, path string, d report.Document) {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *proposing) run(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var said bytes.Buffer
	code = cli.Main(t.Context(), append([]string{"cutover"}, args...), func(n string) string { return p.vars[n] }, strings.NewReader(""), &said, &said)
	if strings.Contains(said.String(), hubtest.Token) && args[0] != "action" {
		t.Errorf("the token is shown:\n%s", &said)
	}
	return code, said.String()
}

func (p *proposing) propose(t *testing.T, more ...string) (code int, out string) {
	t.Helper()
	return p.run(t, append([]string{"propose", "--plan", planPath, "--evidence", "run.json"}, more...)...)
}

func TestTheNextPhaseIsProposedInOnePullRequest(t *testing.T) {
	p := newProposing(t)
	for range 2 {
		if code, out := p.propose(t, "--preview", "next.json"); code != 0 || out != "proposed: https://github.test/acme/shop/pull/100\n" {
			t.Fatalf("code %d\n%s", code, out)
		}
	}
	if len(p.Pulls) != 1 {
		t.Fatalf("%d pull requests", len(p.Pulls))
	}
	pull := p.Pulls[0]
	if pull.Title != "Move two on to migrate/shop" || pull.Head != "cutover/two" || pull.Base != "main" {
		t.Errorf("%+v", pull)
	}
	for _, want := range []string{
		"on from routes to **migrate/shop**", "waits for the approval of production", "digest `3f9c2a7e`", "+  replicas: 0",
		"apply:new/shop/Ingress/web", "50 requests, 0 lost", "(https://github.test/acme/shop/actions/runs/42/attempts/1)",
	} {
		if !strings.Contains(pull.Body, want) {
			t.Errorf("%q is not in\n%s", want, pull.Body)
		}
	}
	if got, want := p.Commits[p.Branches["cutover/two"]].Files[planPath], strings.Replace(p.text, "through: routes", "through: migrate/shop", 1); got != want {
		t.Errorf("the plan is\n%s", got)
	}
	if code, out := p.propose(t, "--output", "json"); code != 0 || !strings.Contains(out, `"proposal": "https://github.test/acme/shop/pull/100"`) {
		t.Errorf("for machines: code %d\n%s", code, out)
	}
	// Without a plan of it the proposal stands all the same, and says so.
	if code, out := p.propose(t, "--preview", "nonexistent.json"); code != 0 || !strings.Contains(out, "the proposal shows no plan of migrate/shop") || !strings.Contains(pull.Body, "Nobody could tell here") {
		t.Errorf("code %d\n%s%s", code, out, pull.Body)
	}
}

func TestWhereNothingIsToProposeItSaysSo(t *testing.T) {
	for want, change := range map[string]func(*proposing){
		"nothing to propose: routes came to the result waiting": func(p *proposing) {
			p.report(t, "run.json", report.Document{Verb: "apply", Phase: "routes", Result: "waiting", Plan: "two"})
		},
		"nothing to propose: not everything within spec.through is done": func(p *proposing) {
			p.report(t, "run.json", report.Document{Verb: "apply", Result: "done", Plan: "two", Next: "routes"})
		},
		"nothing to propose: spec.through on main is migrate/shop, which migrate": func(p *proposing) {
			p.Commit("main", "Moved", planPath, strings.Replace(p.text, "through: routes", "through: migrate/shop", 1))
		},
		"nothing to propose: spec.through on main is proxy, which migrate": func(p *proposing) {
			p.Commit("main", "Back", planPath, strings.Replace(p.text, "through: routes", "through: proxy", 1))
		},
	} {
		p := newProposing(t)
		change(p)
		if code, out := p.propose(t, "--preview", "next.json"); code != 0 || !strings.HasPrefix(out, want) || len(p.Pulls) != 0 || len(p.Branches) != 1 {
			t.Errorf("want %q: code %d\n%s", want, code, out)
		}
	}
}

func TestWhoMayNotProposeGetsANoticeAndAnAPIThatDoesNotAnswerIsNone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*proposing)
		code   int
		says   string
	}{
		"no token":      {func(p *proposing) { p.vars["GITHUB_TOKEN"] = "" }, 0, "there is no token"},
		"may read only": {func(p *proposing) { p.Write = nil }, 0, "contents: write, pull-requests: write"},
		"not allowed":   {func(p *proposing) { p.Forbid = true }, 0, "not permitted to create or approve pull requests"},
		"an outage": {func(p *proposing) {
			p.Broken = func(w http.ResponseWriter, _ *http.Request) bool { hubtest.Fail(w, 502, "Bad Gateway"); return true }
		}, 7, "502 Bad Gateway"},
		"somebody else's commits": {func(p *proposing) {
			p.Branches["cutover/two"] = p.Branches["main"]
			p.Commit("cutover/two", "By hand", planPath, "x")
		}, 3, "somebody committed to the branch cutover/two"},
		"no plan on main": {func(p *proposing) { p.Commit("main", "Break", planPath, "nonsense: true\n") }, 2, "plans/two.yaml:1:1: "},
		"no evidence":     {func(*proposing) { _ = os.Remove("run.json") }, 2, "cutover-report.json"},
		"not on a branch": {func(p *proposing) { p.vars["GITHUB_REF"] = "refs/pull/7/merge" }, 2, "no file of a branch"},
		"of another plan": {func(p *proposing) {
			p.report(t, "run.json", report.Document{Verb: "apply", Plan: "three", Result: "done"})
		}, 2, `of the plan "three"`},
		"no repository":     {func(p *proposing) { p.vars["GITHUB_REPOSITORY"] = "" }, 2, "set GITHUB_REPOSITORY"},
		"a report of chaos": {func(*proposing) { _ = os.WriteFile("run.json", []byte("{"), 0o600) }, 2, "read the report run.json"},
	} {
		p := newProposing(t)
		c.change(p)
		code, out := p.propose(t)
		if code != c.code || !strings.Contains(out, c.says) || len(p.Pulls) != 0 || (code == 0) != strings.Contains(out, "note: the next phase is not proposed") {
			t.Errorf("%s: code %d, want %d and %q\n%s", name, code, c.code, c.says, out)
		}
	}
}

func TestProposeAsAStepOfAWorkflow(t *testing.T) {
	p := newProposing(t)
	inputs := []string{"verb", "propose", "evidence", "run.json", "preview", "next.json"}
	step := p.job(t, inputs...)
	code, outputs := act(t, step), step.Outputs()
	if code != 0 || outputs["proposal"] != "https://github.test/acme/shop/pull/100" || outputs["result"] != "done" || outputs["phase"] != "migrate/shop" || outputs["mutated"] != "false" {
		t.Errorf("code %d, %q\n%s", code, outputs, step.Log())
	}
	if !strings.Contains(step.Summary(), "Proposed: <https://github.test/acme/shop/pull/100>") {
		t.Error(step.Summary())
	}
	p.Write = nil
	step = p.job(t, inputs...)
	if code := act(t, step); code != 0 || len(step.Annotations()) != 1 || step.Annotations()[0].Level != "notice" || step.Outputs()["proposal"] != "" {
		t.Errorf("code %d, %v\n%s", code, step.Annotations(), step.Log())
	}
}
