package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/load/ledger"
)

const (
	secret   = "eyJ0b2tlbg.lab"
	anyPhase = "migrate/blog"
)

var phases = []string{"proxy", "routes", "migrate/shop", "migrate/blog", "cleanup"}

func digestOf(phase string) string {
	return fmt.Sprintf("%064x", len(phase)<<8+int(phase[len(phase)-1]))
}

// summary is a page as the tool writes it, with n of nine paths served by new.
func summary(verb, phase string, n int) string {
	var b strings.Builder
	word := "done"
	if verb == "plan" {
		word = "planned"
	}
	fmt.Fprintf(&b, "### cutover %s %s: %s; 2 of 2 steps done; 1.2s\n\n%s\n|---|---|---|---|\n", verb, phase, word, stepsHeader)
	fmt.Fprintf(&b, "| done | a | do a | |\n| done | b | do b \\| c | yes |\n\n%s\n|---|---|---|---|\n", servedHeader)
	for i, row := range []string{
		`\*.blog.test | / | blog`, `\*.blog.test | /comments | comments`, `chat.shop.test | / | live`, `live.shop.test | / | live`,
		`media.test | / | media`, `reports.test | / | reports`, `shop.test | /api | api`, `shop.test | / | web`, `shop.test | /cart | cart`,
	} {
		by := "old, through new"
		if i < n {
			by = "new; late clients are sent on"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row, by)
	}
	return b.String() + "\n"
}

// good are the lines of a run in which everything is as it should be.
func good() []entry {
	out := []entry{{Message: "Using docker host"}}
	for i, phase := range phases {
		name := path.Base(phase) + "/lab-phase/run"
		byNew := []int{0, 0, 4, 9, 9}
		for _, verb := range []string{"plan", "apply"} {
			at := entry{Job: name, Stage: mainStage, StepID: []string{verb}, Step: "./"}
			say := func(edit func(*entry)) {
				e := at
				edit(&e)
				out = append(out, e)
			}
			say(func(e *entry) { e.Command, e.Arg, e.Message = "add-mask", secret, "  ***" })
			say(func(e *entry) { e.Message = "a line of the tool\n" })
			say(func(e *entry) { e.StepResult = "success" })
			next, n, journal := phase, byNew[max(i-1, 0)], ""
			if verb == "apply" {
				if next, n = "", byNew[i]; i+1 < len(phases) {
					next = phases[i+1]
				} else {
					journal = "cutover-demo-journal.jsonl"
				}
			}
			for k, v := range map[string]string{
				"result": "done", "phase": phase, "digest": digestOf(phase), "mutated": fmt.Sprint(verb == "apply"),
				"report": "cutover-report.json", "next-phase": next, "approval": "", "not-before": "", "journal": journal, "back": "[]",
			} {
				say(func(e *entry) { e.Command, e.Name, e.Arg = "set-output", k, v })
			}
			say(func(e *entry) { e.Command, e.Content = "summary", summary(verb, phase, n) })
		}
		out = append(out, entry{Job: name, Stage: "Post", StepID: []string{"apply"}, Command: "set-output", Name: "digest", Arg: ""})
		out = append(out, entry{Job: name, JobResult: "success", Message: "Job succeeded"})
	}
	return out
}

// judge plays lines, in pieces as a pipe gives them, and returns the verdict.
func judge(t *testing.T, lines []entry, c ledger.Counters, failure error) []string {
	t.Helper()
	got := newTranscript(t.TempDir(), []string{secret})
	got.told = func(j *job, e entry) {
		if e.Command == "summary" && e.id() == "apply" {
			j.report = document{"apply", j.Steps["apply"].Outputs["phase"], "done", j.Steps["apply"].Outputs["digest"]}
		}
	}
	for _, e := range lines {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range []string{string(b[:len(b)/2]), string(b[len(b)/2:]) + "\n"} {
			if _, err := got.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := got.close(); err != nil {
		t.Fatal(err)
	}
	return problems(wanted{Phases: phases, Digest: digestOf(phases[0])}, got, c, failure)
}

var fine = ledger.Counters{Sent: 100}

func TestAGoodRunHasNoProblems(t *testing.T) {
	if got := judge(t, good(), fine, nil); len(got) != 0 {
		t.Errorf("problems are %q", got)
	}
}

func TestLossAndFailureAreProblems(t *testing.T) {
	for want, got := range map[string][]string{
		"1 of 100 requests were lost": judge(t, good(), ledger.Counters{Sent: 100, Lost: 1}, nil),
		"no request was sent":         judge(t, good(), ledger.Counters{}, nil),
		"act: no":                     judge(t, good(), fine, errors.New("act: no")),
	} {
		if !slices.Equal(got, []string{want}) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Each case spoils one thing of a good run, and the verdict has to name it.
func TestEverythingThatIsCheckedCanFail(t *testing.T) {
	blog := func(verb, command string, edit func(*entry)) func([]entry) []entry {
		return func(lines []entry) []entry {
			for i, e := range lines {
				if strings.HasPrefix(e.Job, path.Base(anyPhase)+"/") && e.Stage == mainStage && e.Command == command && e.id() == verb {
					edit(&lines[i])
				}
			}
			return lines
		}
	}
	output := func(verb, name, value string) func([]entry) []entry {
		return blog(verb, "set-output", func(e *entry) {
			if e.Name == name {
				e.Arg = value
			}
		})
	}
	replace := func(verb, was, is string) func([]entry) []entry {
		return blog(verb, "summary", func(e *entry) { e.Content = strings.ReplaceAll(e.Content, was, is) })
	}
	for want, spoil := range map[string]func([]entry) []entry{
		"job blog did not run": func(lines []entry) []entry {
			return slices.DeleteFunc(lines, func(e entry) bool { return strings.HasPrefix(e.Job, "blog/") })
		},
		`job blog ended as "failure"`: func(lines []entry) []entry {
			for i, e := range lines {
				if e.JobResult != "" && strings.HasPrefix(e.Job, "blog/") {
					lines[i].JobResult = "failure"
				}
			}
			return lines
		},
		"output digest of apply is":                    output("apply", "digest", digestOf("proxy")),
		"that of another phase":                        output("apply", "digest", digestOf("routes")),
		`the digest of its plan is "abc"`:              output("plan", "digest", "abc"),
		"output mutated of apply":                      output("apply", "mutated", "false"),
		"output mutated of plan":                       output("plan", "mutated", "true"),
		"output result of apply":                       output("apply", "result", "waiting"),
		"output next-phase of apply":                   output("apply", "next-phase", ""),
		"output report of apply":                       output("apply", "report", ""),
		"apply asked the runner to hide no":            blog("apply", "add-mask", func(e *entry) { e.Command = "debug" }),
		`the summary begins with "### cuto`:            replace("apply", ": done;", ": failed;"),
		"the summary says of a step":                   replace("apply", "| done | a |", "| failed | a |"),
		"the summary lists no steps":                   replace("plan", stepsHeader, ""),
		"not say where ann.blog.test/comme":            replace("plan", `\*.blog.test`, "blog.test"),
		"not say where reports.test/daily":             replace("apply", servedHeader, ""),
		"0 paths are served by new after":              replace("apply", "new;", "old;"),
		`a secret was printed by job blog, step apply`: blog("apply", "", func(e *entry) { e.Message += "Bearer " + secret }),
		"a secret was printed by job blog, step plan":  blog("plan", "set-output", func(e *entry) { e.Arg += secret }),
	} {
		got := judge(t, spoil(good()), fine, nil)
		if !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("want a problem with %q, got %q", want, got)
		}
	}
}

func TestTheFirstDigestIsTheOneFromOutside(t *testing.T) {
	w := wanted{Phases: phases[:1], Digest: strings.Repeat("0", 64)}
	j := &job{Name: "proxy", Result: "success"}
	if got := w.problems([]*job{j}); !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, "outside of the container") }) {
		t.Errorf("got %q", got)
	}
}
