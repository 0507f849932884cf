package cli

import (
	"context"
	"fmt"
	"slices"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// forward are the entries of going on. A way back is free to go by the plan that began what it takes back.
var forward = []journal.What{journal.Begun, journal.Done, journal.Finished}

// latest refuses a job that would go on by a plan which a later one took the place of: a run of an old commit, repeated,
// must change nothing. By hand somebody has just named the file, so there it is said alone.
func (s *session) latest() phase.Step {
	told := ""
	g := gate("latest", "no later plan took the place of this one, or somebody means this one", func(context.Context) error {
		since, ok := overtaken(s.log.Entries(), s.plan.Digest())
		if !ok {
			return nil
		}
		told = fmt.Sprintf("this plan (%.12s) ran before, and %s has run by a later one (%.12s) since", s.plan.Digest(), since.Phase, since.Plan)
		if s.call.action == nil || s.call.flags.OlderPlan != "" {
			return nil
		}
		return refused("begin a new run on the newest commit; if going back to this plan is meant, a new run with the input older-plan says why", "%s", told)
	})
	ask := g.Observe
	g.Observe = func(ctx context.Context) (phase.Observation, error) {
		seen, err := ask(ctx)
		if seen.State == phase.Done && told != "" {
			seen.Detail = told
		}
		return seen, err
	}
	return g
}

// current is asked before anything is changed, but for a rollback. A job of an older plan does not even end a stretch that was cut
// off, be it by recover or in its post step: its steps may be others than those of the run that began it. As long as nobody has
// gone on since, that run's own plan is the newest.
func (o *outcome) current(ctx context.Context) error {
	return ask(ctx, []phase.Step{o.session.latest()}, noes{o})
}

// afterRollback: this is the post step of a rollback, which goes by any plan, and so does its end.
func (c *call) afterRollback() bool {
	return c.action != nil && c.action.post && c.action.Input("verb") == "rollback"
}

// overtaken is the newest entry of going on, where the plan of that digest wrote an earlier one and another plan wrote it.
func overtaken(entries []journal.Entry, digest string) (newest journal.Entry, yes bool) {
	for _, e := range slices.Backward(entries) {
		switch {
		case e.Plan == "" || !slices.Contains(forward, e.What):
		case newest.Plan == "":
			newest = e
		case e.Plan == digest:
			return newest, newest.Plan != digest
		}
	}
	return newest, false
}
