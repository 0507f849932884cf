package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// run is one verb on one phase in one process.
type run struct {
	*Engine
	p           phase.Phase
	opts        Options
	log         *journal.Log
	ahead, undo []phase.Group
	groupOf     map[string]string // name of the group, by step
	over        index             // what other phases have open
	soft, hard  context.Context   // soft ends when the run is asked to stop, hard when it must
	close       func()

	mu       sync.Mutex      // guards what follows
	ran      map[string]bool // lanes, by their first step, that this run answers for itself
	back     bool            // finished counts steps taken back
	of       int
	finished map[string]bool
	kept     []string // titles of what was not taken back because it is gone
	result   Result
}

// open loads the journal, lists the steps and checks that they make sense.
func (e *Engine) open(ctx context.Context, p phase.Phase) (*run, error) {
	log, err := journal.Open(ctx, e.Store, e.Run)
	if err != nil {
		return nil, err
	}
	r := &run{
		Engine: e, p: p, log: log, soft: ctx, ran: map[string]bool{}, groupOf: map[string]string{}, finished: map[string]bool{},
		result: Result{Started: time.Now()},
	}
	if r.ahead, err = p.Steps(ctx, log); err != nil {
		return nil, fmt.Errorf("list steps of %s: %w", p.Name, err)
	}
	if p.Undo != nil {
		if r.undo, err = p.Undo(ctx, log); err != nil {
			return nil, fmt.Errorf("list the way back of %s: %w", p.Name, err)
		}
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("phase %s: %w", p.Name, err)
	}
	r.over = superseders(log, p.Name)
	r.hard, r.close = detach(ctx, e.Grace)
	return r, nil
}

// check refuses what no way of running could make right. Every mistake is named.
func (r *run) check() error {
	known := map[string]bool{}
	var errs []error
	bad := func(s phase.Step, why string) { errs = append(errs, fmt.Errorf("step %q: %s", s.ID, why)) }
	for i, g := range slices.Concat(r.ahead, r.undo) {
		for _, l := range g.Lanes {
			if len(l) == 0 {
				errs = append(errs, fmt.Errorf("group %q: empty lane", g.Name))
			}
			guarded := false
			for _, s := range l {
				guarded = guarded || s.Watch != nil
				if why := r.wrong(s, guarded, i >= len(r.ahead)); why != "" {
					bad(s, why)
				}
				if s.ID == "" || known[s.ID] {
					bad(s, "empty or double ID")
				}
				known[s.ID] = true
				r.groupOf[s.ID] = g.Name
			}
		}
		for _, s := range slices.Concat(g.Before, g.Back) {
			if s.Apply != nil || s.Observe == nil {
				bad(s, "a gate must be a proof")
			}
		}
	}
	for _, id := range r.log.Steps(r.p.Name) {
		if !known[id] {
			errs = append(errs, fmt.Errorf("step %q: %w", id, ErrUnknown))
		}
	}
	return errors.Join(errs...)
}

// wrong says what is wrong with one step of a lane, "" for nothing.
func (r *run) wrong(s phase.Step, guarded, undo bool) string {
	own := r.p.Undo != nil && !guarded // the way back is a path of its own
	switch {
	case s.Observe == nil || s.Limit <= 0 || s.Knob == "":
		return "needs Observe, Limit and Knob"
	case s.Apply != nil && s.Final == "" && (s.Revert == nil || s.Reverted == nil) && !own:
		return "needs Revert and Reverted, or Final"
	case guarded && s.Final != "":
		return "no way back inside a watched stretch"
	case undo && s.Final != "":
		return "no way back on the way back"
	case s.Apply == nil && s.Watch != nil:
		return "a proof has nothing to take back"
	}
	return ""
}

// detach returns a context that outlives a stop request by grace. Its cause is then ErrStopped: what it cuts off did not
// fail on its own.
func detach(ctx context.Context, grace time.Duration) (context.Context, func()) {
	hard, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			cancel(stopped(context.Cause(ctx)))
		case <-hard.Done():
		}
	})
	return hard, func() { stop(); cancel(nil) }
}

// flat is every step of a group.
func flat(g phase.Group) (steps []phase.Step) {
	for _, l := range g.Lanes {
		steps = append(steps, l...)
	}
	return steps
}
