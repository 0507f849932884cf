package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// beside does what happens around the jobs: it shows how far they are, keeps what a later step of a job could read, and
// lets the clients move and end as the plan's phases want it. It is called for every line, so act waits while it works.
func (t *trial) beside(j *job, e entry) {
	switch {
	case e.JobResult != "":
		c := t.load.Counters()
		t.say.Done("job %s: %s, %.0f s; clients: %d sent, %d lost", j.Name, e.JobResult, j.Seconds, c.Sent, c.Lost)
	case e.Stage == mainStage && e.StepResult != "":
		t.say.Note("job %s: step %s: %s", j.Name, e.name(), e.StepResult)
	case e.Stage == mainStage && e.Command == "summary" && e.id() == "apply":
		if err := t.applied(j); err != nil {
			t.nos = append(t.nos, fmt.Errorf("after the phase of job %s: %w", j.Name, err))
		}
	}
}

// applied is called when a phase is applied: the job still has its workspace, and the next one has not begun.
func (t *trial) applied(j *job) error {
	if err := t.keepReport(j); err != nil {
		return err
	}
	phases := t.want.Phases
	switch j.Name {
	case "routes":
		return t.load.Move(rehearse.Movers, rehearse.EntryOf(world.New))
	case path.Base(phases[len(phases)-2]): // what comes next is cleanup
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := rehearse.Answers(ctx, t.world, rehearse.EntryOf(world.Old), world.New.Name); err != nil {
			return fmt.Errorf("ask new through old's entry before its clients end: %w", err)
		}
		return t.load.End(rehearse.Stayers)
	}
	return nil
}

// keepReport copies the file that the step's output names out of the job's workspace, and notes what it says.
func (t *trial) keepReport(j *job) error {
	name := j.Steps["apply"].Outputs["report"]
	found, err := filepath.Glob(filepath.Join(workspaces(t.world), "*", "hostexecutor", name))
	if err != nil || name == "" || len(found) != 1 {
		return fmt.Errorf("find the report %q: %d files of that name in the workspace (%v)", name, len(found), err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &j.report); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	text := t.got.hide("job "+j.Name+", in its report", string(data))
	return os.WriteFile(filepath.Join(t.Out, j.Name+".report.json"), []byte(text), 0o644)
}
