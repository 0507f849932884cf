package cli_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/hub/hubtest"
	"cutover.dev/cutover/pkg/report"
)

// blocks are blocks of code, in which everything is text; pkg/report tests that nothing gets out of one.
var blocks = regexp.MustCompile("(?s)```.*?\n```+\n")

// judge looks at all that a step left: nothing but what is ours was obeyed, and no output is new or another.
func judge(t *testing.T, hostile string, step *runnertest.Step, want map[string]string) {
	t.Helper()
	for _, c := range step.Commands() {
		if !slices.Contains([]string{"add-mask", "error", "notice"}, c.Name) || c.Name == "add-mask" && c.Message != hubtest.Token {
			t.Errorf("%.40q: the runner obeyed %q", hostile, c)
		}
	}
	outputs := step.Outputs()
	for name, value := range want {
		if outputs[name] != value {
			t.Errorf("%.40q: the output %s is %q, not %q", hostile, name, outputs[name], value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		if !slices.Contains([]string{"result", "phase", "next-phase", "approval", "digest", "not-before", "mutated", "report", "journal", "back", "following", "proposal"}, name) {
			t.Errorf("%.40q: there is an output %q", hostile, name)
		}
	}
	if raw, err := os.ReadFile(step.Env["GITHUB_ENV"]); err != nil || len(raw) > 0 {
		t.Errorf("%.40q: the environment of later steps has %q, %v", hostile, raw, err)
	}
	for _, bad := range []string{"<img", "<script", "![", "\x1b", "\u202e", "@team"} {
		if strings.Contains(blocks.ReplaceAllString(step.Summary(), ""), bad) {
			t.Errorf("%.40q: the summary holds %q", hostile, bad)
		}
	}
}

func TestAHostilePlanCommandsNobody(t *testing.T) {
	p := newProposing(t)
	for _, hostile := range runnertest.Hostile {
		value, err := json.Marshal(hostile) // a scalar of YAML too
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(p.text, "through: routes", "through: "+string(value)+"\n  "+string(value)+": "+string(value), 1)
		if err := os.WriteFile(planPath, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		step := p.job(t, "verb", "validate")
		if code := act(t, step); code != 2 || step.Refused() {
			t.Errorf("%.40q: code %d\n%s", hostile, code, step.Log())
		}
		judge(t, hostile, step, map[string]string{"result": "invalid", "mutated": "false", "phase": ""})
	}
}

func TestAHostileReportAndAHostileServerCommandNobody(t *testing.T) {
	p := newProposing(t)
	inputs := []string{"verb", "propose", "evidence", "run.json", "preview", "next.json"}
	for _, hostile := range runnertest.Hostile {
		steps := []report.Step{{ID: hostile, Title: hostile, State: hostile, Detail: hostile, Diff: hostile, Facts: []string{hostile}}}
		p.report(t, "run.json", report.Document{
			Verb: "apply", Phase: hostile, Result: "done", Plan: "two", Digest: hostile, Following: "migrate/shop", Steps: steps, GoBack: hostile,
			Proposal: hostile, Approval: hostile, Next: hostile, Error: &report.Failure{Message: hostile, Hints: []string{hostile}},
		})
		p.report(t, "next.json", report.Document{Verb: "plan", Phase: "migrate/shop", Result: hostile, Plan: "two", Digest: hostile, Steps: steps})
		step := p.job(t, inputs...)
		if code := act(t, step); code != 0 || len(p.Pulls) != 1 || step.Refused() {
			t.Fatalf("%.40q: code %d, %d pull requests\n%s", hostile, code, len(p.Pulls), step.Log())
		}
		judge(t, hostile, step, map[string]string{"result": "done", "phase": "migrate/shop", "proposal": "https://github.test/acme/shop/pull/100"})
		p.Broken = func(w http.ResponseWriter, _ *http.Request) bool {
			hubtest.Fail(w, http.StatusForbidden, hostile)
			return true
		}
		step = p.job(t, inputs...)
		if code := act(t, step); code != 0 || step.Refused() {
			t.Errorf("%.40q from the server: code %d", hostile, code)
		}
		judge(t, hostile, step, map[string]string{"result": "done", "proposal": ""})
		p.Broken = nil
	}
}
