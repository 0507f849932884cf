package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// another is the plan with another window: by its digest another plan.
func another(plan string) (string, error) {
	const was, is = "drain: 3s", "drain: 4s"
	if strings.Count(plan, was) != 1 {
		return "", fmt.Errorf("%s does not say %s once", planFile, was)
	}
	return strings.Replace(plan, was, is, 1), nil
}

// replay runs migrate.yml on the commit of a plan that a later one took the place of, as a re-run of an old run does. It has to
// change nothing, and to say so.
func (f *flow) replay(ctx context.Context, old string) error {
	before, err := f.tool.Verb(ctx, nil, "journal", "show")
	if err != nil {
		return err
	}
	if err := f.repo.commit(ctx, old); err != nil {
		return err
	}
	r, err := f.start(ctx, "migrate.yml", "push", pushed, true)
	if err := errors.Join(err, f.repo.commit(ctx, f.text)); err != nil {
		return err
	}
	after, err := f.tool.Verb(ctx, nil, "journal", "show")
	if err != nil {
		return err
	}
	if next, run := r.job("next").Result, r.job("run").Result; next != "failure" || run != "skipped" {
		f.no("run %d of an older plan: job next %s, run %s", r.id, next, run)
	}
	if !r.shows("next", "has run by a later one") {
		f.no("run %d of an older plan does not say so", r.id)
	}
	if !bytes.Equal(before.Stdout, after.Stdout) {
		f.no("run %d of an older plan wrote to the journal", r.id)
	}
	return nil
}

// shows: the summary of some step of a job has these words.
func (r *ran) shows(name, words string) bool {
	for _, s := range r.job(name).Steps {
		if strings.Contains(s.Summary, words) {
			return true
		}
	}
	return false
}

// looked judges what job next left of a phase that comes: a summary with the way back, and the whole plan as an artifact.
func (f *flow) looked(r *ran, phase string) {
	if !r.shows("next", "\nWay back: ") {
		f.no("run %d: the plan of %s does not say what going back takes", r.id, phase)
	}
	kept, err := os.ReadFile(filepath.Join(folder(f.world), "artifacts", fmt.Sprint(r.id), "plan of the next phase", "cutover-report.json"))
	var d document
	if err == nil {
		err = json.Unmarshal(kept, &d)
	}
	if want := (document{"plan", phase, "done", r.job("next").Steps["next"].Outputs["digest"]}); err != nil || d != want {
		f.no("run %d: the artifact of job next is about %v, want %v (%v)", r.id, d, want, err)
	}
}

// rolledBack runs rollback.yml, whose input names the plan: the variable of the repository names another one meanwhile.
func (f *flow) rolledBack(ctx context.Context, to string) (*ran, error) {
	flags := f.flags
	defer func() { f.flags = flags }()
	f.flags = slices.Clone(flags)
	at := slices.Index(f.flags, "CUTOVER_PLAN="+planFile)
	if at < 0 {
		return nil, errors.New("the repository has no variable CUTOVER_PLAN")
	}
	f.flags[at] = "CUTOVER_PLAN=plans/another.yaml"
	return f.start(ctx, "rollback.yml", "workflow_dispatch", map[string]any{
		"ref": "refs/heads/main", "inputs": map[string]any{"to": to, "confirm": to, "reason": "a rehearsal", "plan": planFile},
	}, false)
}
