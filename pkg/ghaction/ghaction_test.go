package ghaction_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/ghaction"
	"cutover.dev/cutover/pkg/ghaction/runnertest"
)

func start(t *testing.T) (*runnertest.Step, *bytes.Buffer, *ghaction.Runner) {
	step, out := runnertest.NewStep(t), &bytes.Buffer{}
	return step, out, ghaction.New(step.Getenv, out)
}

func TestNoValueCanBecomeAnotherOutput(t *testing.T) {
	const fixed = "_GitHubActionsFileCommandDelimeter_" // the library's own
	values := []string{
		"", "plain", "two\nlines", "ends with a line end\n", "\r\n", "a=b", "x<<y\nz",
		"x\n" + fixed + "\nresult=pwned\nz<<" + fixed + "\nq", "\nresult=pwned\n",
	}
	for _, v := range values {
		step, _, r := start(t)
		if err := errors.Join(r.Output("result", "good"), r.Output("phase", v), r.Output("not-before", "")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"result": "good", "phase": v, "not-before": ""}, step.Outputs()); diff != "" {
			t.Errorf("%q: %s", v, diff)
		}
	}
}

func TestALaterOutputWins(t *testing.T) {
	step, _, r := start(t)
	if err := errors.Join(r.Output("mutated", "false"), r.Output("mutated", "true")); err != nil {
		t.Fatal(err)
	}
	if got := step.Outputs()["mutated"]; got != "true" {
		t.Error(got)
	}
}

func TestOutputsThatTheRunnerWouldDropAreRefused(t *testing.T) {
	step, _, r := start(t)
	r.Mask("s3cr3t-t0k3n")
	for name, err := range map[string]error{
		"secret":     r.Output("report", "before s3cr3t-t0k3n after"),
		"too large":  r.Output("report", strings.Repeat("x", 600<<10)),
		"equals":     r.Output("a=b", ""),
		"heredoc":    r.Output("a<<b", ""),
		"line end":   r.Output("a\nb", ""),
		"empty":      r.Output("", ""),
		"state name": r.SaveState("a b", ""),
	} {
		if err == nil {
			t.Errorf("%s passed", name)
		} else if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the error shows it: %v", err)
		}
	}
	if out := step.Outputs(); len(out) != 0 {
		t.Errorf("written all the same: %v", out)
	}
}

func TestWithoutARunnerThereAreErrorsAndNoPanics(t *testing.T) {
	none := ghaction.New(func(string) string { return "" }, &bytes.Buffer{})
	for _, err := range []error{none.Output("a", "b"), none.SaveState("a", "b"), none.Summary("x")} {
		if !errors.Is(err, ghaction.ErrNoRunner) {
			t.Errorf("%v", err)
		}
	}
	dir := t.TempDir()
	bad := ghaction.New(func(string) string { return dir }, broken{})
	for _, err := range []error{bad.Output("a", "b"), bad.SaveState("a", "b"), bad.Summary("x")} {
		if err == nil {
			t.Error("writing into a folder worked")
		}
	}
	bad.Mask("long enough to mask")
	bad.Annotate(ghaction.Error, "", 0, 0, "x")
	bad.Group("x")()
	if _, err := bad.Foreign(nil).Write([]byte("x\n")); err == nil {
		t.Error("a closed stdout is not reported")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestForeignTextIssuesNoCommands(t *testing.T) {
	hostile := []string{
		"::error::x", "  ::add-mask::x", "\t::set-output name=result::pwned", "\u00a0::error::x", "\u200b::error::x", ":\u200b:error::x",
		"text ##[error]x", "##[add-mask]y", "#\u200b#[set-output name=result]pwned", "###[error]x", "text\r::error::x", "\r\r::error::x\r",
		"::stop-commands::abc", "::endgroup::", "\x1b[2K::error::x", "\ufeff::error::x", "\u034f::error::x", "#\u00ad#\u2060[group]x",
	}
	for _, own := range []bool{true, false} {
		for _, h := range hostile {
			_, out, r := start(t)
			w := r.Foreign(nil)
			if !own {
				w = r.Foreign(out)
			}
			for _, piece := range strings.SplitAfter(h+"\nplain\n", "") {
				if _, err := w.Write([]byte(piece)); err != nil {
					t.Fatal(err)
				}
			}
			commands, shown := runnertest.Parse(out.String())
			if len(commands) != 0 || shown[len(shown)-1] != "plain" {
				t.Errorf("%q: obeyed %v, shown %q", h, commands, shown)
			}
			// Without the token it would have to hold too: stderr has none.
			for _, line := range runnertest.Lines(out.String()) {
				if c, _ := runnertest.Parse(line + "\n"); len(c) != 0 && c[0].Name != "stop-commands" {
					t.Errorf("%q: only the token holds %q back", h, line)
				}
			}
		}
	}
}

func TestForeignTextStandsBetweenTokensAndKeepsItsLines(t *testing.T) {
	_, out, r := start(t)
	fmt.Fprint(r.Foreign(nil), "one\rtwo\r\nthree\n")
	r.Annotate(ghaction.Notice, "", 0, 0, "x")
	lines := runnertest.Lines(out.String())
	stop, ok := strings.CutPrefix(lines[0], "::stop-commands::")
	if !ok || len(lines) != 6 || lines[4] != "::"+stop+"::" || stop == "" {
		t.Fatalf("%q", lines)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, lines[1:4]); diff != "" {
		t.Error(diff)
	}
}

func TestOurCommandsAreObeyedBetweenForeignText(t *testing.T) {
	_, out, r := start(t)
	w := r.Foreign(nil)
	fmt.Fprint(w, "unfinished ")
	end := r.Group("a group\n::error::x")
	fmt.Fprintln(w, "line")
	r.Mask("s3cr3t-t0k3n", "short", "first line of two\nand second 100%", "s3cr3t-t0k3n")
	fmt.Fprint(w, "rest")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	end()
	r.Annotate(ghaction.Error, "plans/a,b:c.yaml", 12, 5, "unknown field\n\"x\"")
	r.Annotate(ghaction.Warning, "", 0, 0, "careful")
	commands, shown := runnertest.Parse(out.String())
	want := []runnertest.Command{
		{Name: "group", Message: "a group ::error::x"},
		{Name: "add-mask", Message: "s3cr3t-t0k3n"},
		{Name: "add-mask", Message: "first line of two"},
		{Name: "add-mask", Message: "and second 100%"},
		{Name: "endgroup"},
		{Name: "error", Message: "unknown field\n\"x\"", Props: map[string]string{"file": "plans/a,b:c.yaml", "line": "12", "col": "5"}},
		{Name: "warning", Message: "careful"},
	}
	for i := range want {
		if want[i].Props == nil {
			want[i].Props = map[string]string{}
		}
	}
	if diff := cmp.Diff(want, commands); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"unfinished line", "rest"}, shown); diff != "" {
		t.Error(diff)
	}
}

func TestTheEleventhAnnotationIsALineOfTheLog(t *testing.T) {
	_, out, r := start(t)
	for i := range 12 {
		r.Annotate(ghaction.Error, "p.yaml", i, 0, "::error::"+strings.Repeat("ä", 5000))
	}
	r.Annotate(ghaction.Notice, "", 0, 0, "still seen")
	commands, shown := runnertest.Parse(out.String())
	if len(commands) != 11 || len(shown) != 2 || commands[10].Message != "still seen" || !strings.HasPrefix(shown[0], "error: p.yaml:10: ::error::") {
		t.Errorf("%d commands, %d lines", len(commands), len(shown))
	}
	if n := len([]rune(commands[0].Message)); n != 4096 {
		t.Errorf("%d characters", n)
	}
}

func TestTheSummaryOfTheEndReplacesTheOneOfTheStart(t *testing.T) {
	step, _, r := start(t)
	if err := os.WriteFile(step.Env["GITHUB_STEP_SUMMARY"], []byte("not ours\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Summary("# interrupted, much longer than the second"), r.Summary("# done")); err != nil {
		t.Fatal(err)
	}
	if got := step.Summary(); got != "not ours\n# done\n" {
		t.Errorf("%q", got)
	}
	if err := r.Summary(strings.Repeat("x", 1<<20)); err == nil {
		t.Error("a summary that the runner drops was written")
	}
	if got := step.Summary(); got != "not ours\n# done\n" {
		t.Errorf("a refused summary destroyed the one that was there: %.40q", got)
	}
}

func TestStateReachesThePostEntrypoint(t *testing.T) {
	step, _, r := start(t)
	if err := r.SaveState("phase", "migrate/web\nsecond"); err != nil {
		t.Fatal(err)
	}
	post := ghaction.New(step.Post().Getenv, &bytes.Buffer{})
	if got := post.State("phase"); got != "migrate/web\nsecond" {
		t.Errorf("%q", got)
	}
}

func TestInputsAreReadAsTheRunnerWritesThem(t *testing.T) {
	step, _, r := start(t)
	step.With("old-kubeconfig", "  abc\n", "allow-irreversible", "yes", "repair", "True").Set("INPUT_NEW_KUBECONFIG", "through a shell")
	if a, b := r.Input("old-kubeconfig"), r.Input("new-kubeconfig"); a != "abc" || b != "through a shell" {
		t.Errorf("%q %q", a, b)
	}
	if _, err := r.Bool("allow-irreversible"); err == nil {
		t.Error("yes is no boolean of YAML's core schema")
	}
	if v, err := r.Bool("repair"); !v || err != nil {
		t.Errorf("%v %v", v, err)
	}
	err := r.Require("plan", "old-kubeconfig", "phase")
	if err == nil || err.Error() != "input plan is needed\ninput phase is needed" {
		t.Errorf("%v", err)
	}
	got := ghaction.Unknown([]string{"INPUT_PLAN=x", "INPUT_OLD_KUBECONFIG=y", "INPUT_EXPECTED-DIGEST=z", "PATH=INPUT_X", "INPUT_ARGS="})
	if diff := cmp.Diff([]string{"expected-digest"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestARunIsNamedByItsAttempt(t *testing.T) {
	env := map[string]string{
		"GITHUB_SERVER_URL": "https://github.test", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2",
		"GITHUB_ACTOR": "author", "GITHUB_TRIGGERING_ACTOR": "operator", "GITHUB_JOB": "run", "GITHUB_SHA": "abc", "GITHUB_REF": "refs/heads/main",
	}
	got := ghaction.New(func(n string) string { return env[n] }, &bytes.Buffer{}).Run()
	want := ghaction.RunInfo{
		URL: "https://github.test/o/r/actions/runs/7/attempts/2", ID: "7", Attempt: "2", Actor: "operator", Job: "run", Repository: "o/r",
		SHA: "abc", Ref: "refs/heads/main",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none := ghaction.New(func(string) string { return "" }, &bytes.Buffer{}).Run(); none != (ghaction.RunInfo{}) {
		t.Errorf("%+v", none)
	}
}

func TestLinesOfManyWritersStayWhole(t *testing.T) {
	_, out, r := start(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			w := r.Foreign(nil)
			for range 50 {
				fmt.Fprintf(w, "writer %d\n", i)
				r.Annotate(ghaction.Notice, "", 0, 0, "x")
			}
		})
	}
	wg.Wait()
	_, shown := runnertest.Parse(out.String())
	n := 0
	for _, line := range shown {
		if strings.HasPrefix(line, "writer ") && len(line) == len("writer 0") {
			n++
		}
	}
	if n != 400 {
		t.Errorf("%d whole lines of 400", n)
	}
}
