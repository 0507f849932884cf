package rig

import (
	"context"
	"fmt"

	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

// Names starts the name servers beside a lab that is up, where they are not there already. They are the lab's from then on:
// Status looks at them, and Down ends them.
func Names(ctx context.Context, w world.World, report *progress.Progress) error {
	release, err := lock(w)
	if err != nil {
		return err
	}
	defer release()
	file, err := state.Open(statePath(w))
	if err != nil {
		return fmt.Errorf("start the name servers: %w", err)
	}
	d := names.Deps{World: w, State: file, Report: report}
	if running, err := names.Running(d); err != nil || running {
		return err
	}
	report.Expect(names.Steps)
	return names.Start(ctx, d)
}

// nameChecks ask each name server that was started.
func nameChecks(file *state.File) []check {
	var checks []check
	for _, p := range file.Now().Processes {
		for _, s := range names.Servers() {
			if p.Name == s.Name {
				checks = append(checks, check{s.Name + " answers on " + s.Address, s.Answers})
			}
		}
	}
	return checks
}
