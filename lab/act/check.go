package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"cutover.dev/cutover/lab/load/ledger"
)

// wanted is what was known before the workflow began.
type wanted struct {
	Phases []string // of the plan, in their order: one job each, named by the last word
	Digest string   // of the first one
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// problems is the verdict: empty when every job did what it should, nothing was lost and nothing was shown.
func problems(w wanted, t *transcript, c ledger.Counters, failure error) []string {
	out := []string{}
	if failure != nil {
		out = append(out, failure.Error())
	}
	out = append(out, w.problems(t.jobs)...)
	slices.Sort(t.leaks)
	for _, where := range slices.Compact(t.leaks) {
		out = append(out, "a secret was printed by "+where)
	}
	if c.Lost > 0 {
		out = append(out, fmt.Sprintf("%d of %d requests were lost", c.Lost, c.Sent))
	}
	if c.Sent == 0 {
		out = append(out, "no request was sent")
	}
	if c.Inconclusive && c.Lost > 0 {
		out = append(out, fmt.Sprintf("the machine was too busy to tell: the load was %d ms late (99th percentile)", c.LatenessMs))
	}
	return out
}

func (w wanted) problems(jobs []*job) []string {
	var out []string
	byNew, digests := 0, []string{w.Digest}
	for i, phase := range w.Phases {
		name := path.Base(phase)
		at := slices.IndexFunc(jobs, func(j *job) bool { return j.Name == name })
		if at < 0 {
			out = append(out, fmt.Sprintf("job %s did not run", name))
			continue
		}
		j := jobs[at]
		if j.Result != "success" { // what else is wrong with it follows from that
			out = append(out, fmt.Sprintf("job %s ended as %q; its log says why", name, j.Result))
			continue
		}
		found := w.stepProblems(j, i)
		if d := j.Steps["apply"].Outputs["digest"]; i > 0 && slices.Contains(digests, d) {
			found = append(found, "its digest is that of another phase")
		} else {
			digests = append(digests, d)
		}
		by, of := moved(j.Steps["apply"].Summary)
		switch {
		case strings.HasPrefix(phase, "migrate/") && by <= byNew:
			found = append(found, fmt.Sprintf("%d paths are served by new after it, and %d were before", by, byNew))
		case !strings.HasPrefix(phase, "migrate/") && by != byNew:
			found = append(found, fmt.Sprintf("%d paths are served by new after it, want %d", by, byNew))
		case i == len(w.Phases)-1 && by != of:
			found = append(found, fmt.Sprintf("only %d of %d paths are served by new at the end", by, of))
		}
		byNew = by
		for _, f := range found {
			out = append(out, fmt.Sprintf("job %s: %s", name, f))
		}
	}
	return out
}

// stepProblems compares one job with what the i-th phase has to leave.
func (w wanted) stepProblems(j *job, i int) []string {
	var out []string
	phase, next := w.Phases[i], ""
	if i+1 < len(w.Phases) {
		next = w.Phases[i+1]
	}
	planned := j.Steps["plan"].Outputs["digest"]
	if i == 0 && planned != w.Digest {
		out = append(out, fmt.Sprintf("it planned %s, and outside of the container the tool plans %s", planned, w.Digest))
	}
	if !digest.MatchString(planned) {
		out = append(out, fmt.Sprintf("the digest of its plan is %q", planned))
	}
	for _, verb := range []string{"plan", "apply"} {
		s, want := j.Steps[verb], map[string]string{
			"result": "done", "phase": phase, "digest": planned, "mutated": "false", "report": "cutover-report.json",
			"next-phase": phase, "approval": "", "not-before": "", "journal": "", "back": "[]",
		}
		if verb == "apply" {
			want["mutated"], want["next-phase"] = "true", next
			if phase == "cleanup" {
				want["journal"] = "cutover-demo-journal.jsonl"
			}
		}
		for name, value := range want {
			if got, there := s.Outputs[name]; !there || got != value {
				out = append(out, fmt.Sprintf("output %s of %s is %q, want %q", name, verb, got, value))
			}
		}
		if s.Masked == 0 {
			out = append(out, verb+" asked the runner to hide nothing")
		}
		out = append(out, summaryProblems(s.Summary, verb, phase)...)
	}
	if want := (document{"apply", phase, "done", planned}); j.report != want {
		out = append(out, fmt.Sprintf("its report is about %v, want %v", j.report, want))
	}
	slices.Sort(out)
	return out
}
