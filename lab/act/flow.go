package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// flow plays GitHub for the workflows that users copy: it starts them as events want it, gives the answers of people, and merges.
// act runs one workflow at a time, does not wait at environments and gives every job the same secrets; so a person's answer
// is on record while the job that waits for it runs, and all jobs of a run have the identity of those that run phases, but for
// those of plan.yml.
type flow struct {
	*trial
	hub    *double
	repo   checkout
	flags  []string
	run    int
	starts int // of migrate.yml by the API, that are done
	text   string
	wrong  []string
}

// ran is one run of a workflow.
type ran struct {
	id   int
	got  *transcript
	fail error // of act: a job failed
}

func (r *ran) job(name string) *job {
	if i := slices.IndexFunc(r.got.jobs, func(j *job) bool { return j.Name == name }); i >= 0 {
		return r.got.jobs[i]
	}
	return &job{Name: name, Result: "skipped", Steps: map[string]step{}}
}

// applied are the outputs of the step that ran a phase.
func (r *ran) applied() map[string]string { return r.job("run").Steps["apply"].Outputs }

// flow is the whole of -workflows.
func (t *trial) flow(ctx context.Context) (err error) {
	began := time.Now()
	f := &flow{trial: t}
	ledger, err := os.Create(filepath.Join(t.Out, "ledger.jsonl"))
	if err != nil {
		return fmt.Errorf("make the ledger: %w", err)
	}
	defer ledger.Close()
	if err := f.prepare(ctx); err != nil {
		return err
	}
	phases, err := t.tool.Phases(ctx)
	if err != nil {
		return err
	}
	if t.load, err = rehearse.Clients(ctx, t.world, t.Rate, ledger); err != nil {
		return err
	}
	played := f.play(ctx, phases)
	counters, written := t.load.Stop()
	if err := errors.Join(played, written); err != nil {
		f.no("%v", err)
	}
	if counters.Lost > 0 || counters.Sent == 0 {
		f.no("%d of %d requests were lost", counters.Lost, counters.Sent)
	}
	fmt.Printf("\n%d runs in %.0f s; clients: %d sent, %d lost, late by %d ms (99th percentile)\n", f.run, time.Since(began).Seconds(), counters.Sent, counters.Lost, counters.LatenessMs)
	if len(f.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("the workflows did not do what they should:\n  %s", strings.Join(f.wrong, "\n  "))
}

func (f *flow) no(format string, args ...any) {
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}

// prepare starts podman and the double, and sets the repository up as docs/github.md says.
func (f *flow) prepare(ctx context.Context) (err error) {
	w := f.world
	if err := startPodman(ctx, w); err != nil {
		return err
	}
	if f.hub, err = startDouble(ctx, w, f.root); err != nil {
		return err
	}
	if f.repo, err = clone(ctx, w, f.root); err != nil {
		return err
	}
	if f.flags, err = f.repo.standIns(w); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bin, ca := filepath.Join(folder(w), "bin"), filepath.Join(workspaces(w), "lab-ca.crt")
	authority, err := os.ReadFile(w.CA())
	if err := errors.Join(err, os.MkdirAll(bin, 0o755), os.Symlink(self, filepath.Join(bin, "gh")), os.WriteFile(ca, authority, 0o644)); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"GITHUB_API_URL": "http://" + hubAddress, "GITHUB_REPOSITORY": repository, "GITHUB_REPOSITORY_OWNER": path.Dir(repository),
		"SSL_CERT_FILE": ca, "ARTIFACTS": filepath.Join(folder(w), "artifacts"),
	} {
		f.flags = append(f.flags, "--env", name+"="+value)
	}
	f.flags = append(f.flags, "--var", "CUTOVER_PLAN="+planFile, "--actor", author)
	for _, s := range []struct {
		what string
		in   asked
	}{
		{"workflow", asked{"Name": "plan.yml"}},
		{"workflow", asked{"Name": "migrate.yml"}},
		{"workflow", asked{"Name": "rollback.yml"}},
		{"environment", asked{"Name": "migration-plan"}},
		{"environment", asked{"Name": "migration", "Branch": "main"}},
		{"environment", asked{"Name": gate, "Branch": "main", "Reviewers": []string{reviewer}}},
		{"commit", asked{"Branch": "main", "Message": "Begin", "Path": "README.md", "Text": "# shop\n"}},
		{"protect", asked{"Branch": "main"}},
	} {
		if err := f.hub.do(ctx, s.what, s.in, nil); err != nil {
			return err
		}
	}
	return nil
}

// start runs a workflow for an event. yes: somebody approves where it waits.
func (f *flow) start(ctx context.Context, file, trigger string, event map[string]any, yes bool) (*ran, error) {
	f.run++
	user := world.UserRun
	if file == "plan.yml" {
		user = world.UserPlan
	}
	s, err := secretsOf(f.world, user)
	if err != nil {
		return nil, err
	}
	s.file += "GITHUB_TOKEN=" + hubToken + "\n"
	s.hidden = append(s.hidden, hubToken)
	ref, _ := event["ref"].(string)
	if err := f.hub.do(ctx, "run", asked{"Run": f.run, "Workflow": file, "Ref": ref, "Login": author}, nil); err != nil {
		return nil, err
	}
	dir := filepath.Join(f.Out, "logs", fmt.Sprintf("%02d-%s", f.run, strings.TrimSuffix(file, ".yml")))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	r := &ran{id: f.run, got: newTranscript(dir, s.hidden)}
	r.got.called = named
	r.got.told = func(j *job, e entry) { f.heard(ctx, r, j, e, yes) }
	said, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	r.fail = started{
		root: f.repo.dir, workflow: filepath.Join(".github", "workflows", file), trigger: trigger, event: string(said), secrets: s,
		more: append(slices.Clone(f.flags), "--env", fmt.Sprint("GITHUB_RUN_ID=", f.run)), path: filepath.Join(folder(f.world), "bin"),
	}.run(ctx, f.world, r.got)
	for _, where := range r.got.leaks {
		f.no("run %d: a secret was printed by %s", r.id, where)
	}
	return r, errors.Join(r.got.close(), f.keep(r), context.Cause(ctx))
}

// keep writes the summaries of a run as GitHub would show them.
func (f *flow) keep(r *ran) error {
	var errs []error
	for _, j := range r.got.jobs {
		for _, id := range slices.Sorted(maps.Keys(j.Steps)) {
			if text := j.Steps[id].Summary; text != "" {
				errs = append(errs, os.WriteFile(filepath.Join(f.Out, fmt.Sprintf("%02d-%s-%s.summary.md", r.id, j.Name, id)), []byte(text), 0o644))
			}
		}
	}
	return errors.Join(errs...)
}

// named is the job that an entry is about: those of a matrix by what they are about.
func named(e entry) string {
	_, name, _ := strings.Cut(e.Job, "/")
	if e.JobID == "back" {
		return "back-" + strings.TrimSpace(strings.ReplaceAll(name, "/", "-"))
	}
	return e.JobID
}

// heard shows how far a run is, and answers where it waits for a person.
func (f *flow) heard(ctx context.Context, r *ran, j *job, e entry, yes bool) {
	if e.JobResult == "" {
		return
	}
	c := f.load.Counters()
	f.say.Note("run %d: job %s: %s, %.0f s; clients: %d sent, %d lost", r.id, j.Name, e.JobResult, j.Seconds, c.Sent, c.Lost)
	where := j.Steps["next"].Outputs["approval"]
	if j.Name != "next" || e.JobResult != "success" || where == "" || !yes {
		return
	}
	if err := f.hub.do(ctx, "answer", asked{"Run": r.id, "Name": where, "Login": author, "State": "approved"}, nil); err == nil {
		f.no("run %d: %s approved it without being a reviewer", r.id, author)
	}
	if err := f.hub.do(ctx, "answer", asked{"Run": r.id, "Name": where, "Login": reviewer, "State": "approved"}, nil); err != nil {
		f.no("run %d: %v", r.id, err)
	}
}
