package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// lane brings steps to Done in order. Once it has begun a watched step it reaches its end or goes back through that
// step.
func (r *run) lane(l phase.Lane, stop func() bool) error {
	r.mu.Lock()
	r.ran[l[0].ID] = true
	r.mu.Unlock()
	guard, err := r.goAhead(l, stop)
	if err == nil || guard < 0 {
		return err
	}
	if undo := r.takeBack(l[guard:], nil); undo != nil {
		return errors.Join(err, fmt.Errorf("could not go back to before %s: %w", l[guard].Title, undo))
	}
	return fmt.Errorf("went back to before %s: %w", l[guard].Title, err)
}

// goAhead goes as far ahead as it can under the watches, and returns the index of the first watched step that it began,
// or -1.
func (r *run) goAhead(l phase.Lane, stop func() bool) (guard int, err error) {
	ctx, cancel := context.WithCancelCause(r.hard)
	var watchers sync.WaitGroup
	guard = -1
	for i, s := range l {
		if guard < 0 && stop() {
			break
		}
		if s.Watch != nil {
			if guard < 0 {
				guard = i
			}
			watchers.Go(func() {
				if err := s.Watch(ctx); err != nil && ctx.Err() == nil {
					r.say(Watch, s, phase.Observation{}, err)
					cancel(fmt.Errorf("watch %s: %w", s.Title, err))
				}
			})
		}
		if err = r.bring(ctx, s); err != nil {
			break
		}
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	watchers.Wait()
	return guard, err
}

// takeBack reverts what is open, last step first. It writes nothing for what is back already. A nil stop insists; so
// does a stretch of which a part is back, for the grace that a stop request leaves.
func (r *run) takeBack(l phase.Lane, stop func() bool) error {
	var unwritten error // a journal that fails stops going forward, never going back: the next run sees what is back
	for i := len(l) - 1; i >= 0; i-- {
		s, rec := l[i], r.log.Of(r.p.Name, l[i].ID)
		insist := stop == nil || r.cutAt(l) >= 0
		switch {
		case !rec.Open():
			continue
		case !insist && stop():
			return unwritten
		case rec.Begun && r.gone(s):
			r.leave(s)
			continue
		case rec.Begun && s.Apply != nil && (s.Final != "" || s.Revert == nil):
			return errors.Join(fmt.Errorf("%s: %w: %s", s.Title, ErrFinal, s.Final), unwritten)
		case rec.Begun && s.Apply != nil:
			r.say(Reverting, s, phase.Observation{}, nil)
			if !rec.Undoing { // from here on the lane is half-way
				unwritten = errors.Join(unwritten, r.append(journal.Entry{Phase: r.p.Name, Step: s.ID, What: journal.Undoing}))
			}
			if err := r.revert(s, rec, insist); err != nil {
				if insist { // it was in a stretch
					err = fmt.Errorf("%w, where this still holds: %s; %w", ErrHalfway, r.holding(l[:i+1]), err)
				}
				return errors.Join(err, unwritten)
			}
		}
		unwritten = errors.Join(unwritten, r.closing(s.ID))
		r.mark(s.ID, true)
		r.say(Reverted, s, phase.Observation{}, nil)
	}
	return unwritten
}

// holding names the changes of a lane that were not taken back: who looks at a stretch that is half-way has to know what serves.
func (r *run) holding(l phase.Lane) string {
	var titles []string
	for _, s := range l {
		if rec := r.log.Of(r.p.Name, s.ID); s.Apply != nil && rec.Begun && rec.Open() {
			titles = append(titles, s.Title)
		}
	}
	return strings.Join(titles, ", ")
}

// complete: written down as done, every step, and every change still there.
func (r *run) complete(l phase.Lane) bool {
	if !r.written(l) || !r.there(l) {
		return false
	}
	for _, s := range l {
		r.say(Done, s, phase.Observation{State: phase.Done}, nil)
	}
	return true
}

// changed is the number of the newest entry by which anything was begun that comes before a group, or anywhere if the group
// has no lanes.
func (r *run) changed(before phase.Group) int {
	newest := 0
	for _, g := range r.ahead {
		if len(g.Lanes) > 0 && len(before.Lanes) > 0 && &g.Lanes[0] == &before.Lanes[0] {
			break
		}
		for _, s := range flat(g) {
			if s.Apply != nil {
				newest = max(newest, r.log.Of(r.p.Name, s.ID).BegunAt)
			}
		}
	}
	return newest
}

// outdated: a lane of proofs alone that were given before what they prove was changed, because it drifted or was wanted
// otherwise. What they said then says nothing about what is there now.
func (r *run) outdated(l phase.Lane, since int) bool {
	for _, s := range l {
		if s.Apply != nil {
			return false
		}
	}
	for _, s := range l {
		if rec := r.log.Of(r.p.Name, s.ID); rec.Done && rec.DoneAt < since {
			return true
		}
	}
	return false
}

// written: according to the journal every step is done.
func (r *run) written(l phase.Lane) bool {
	for _, s := range l {
		if !r.log.Of(r.p.Name, s.ID).Done {
			return false
		}
	}
	return true
}

// arrived: every change is there and every proof was given; only the writing down was cut off.
func (r *run) arrived(l phase.Lane) bool {
	for _, s := range l {
		if s.Apply == nil && !r.log.Of(r.p.Name, s.ID).Done {
			return false
		}
	}
	return r.there(l)
}

// there asks every change of the lane once. What a later phase has taken over counts as there.
func (r *run) there(l phase.Lane) bool {
	for _, s := range l {
		if rec := r.log.Of(r.p.Name, s.ID); s.Apply == nil || rec.Done && r.over.all(s, rec) {
			continue
		}
		if o, err := s.Observe(r.hard); err != nil || o.State != phase.Done {
			return false
		}
	}
	return true
}

// cutAt is the index of the watched step from which the lane is half-way according to the journal, or -1.
func (r *run) cutAt(l phase.Lane) int {
	at, done := -1, true
	for i, s := range l {
		rec := r.log.Of(r.p.Name, s.ID)
		if at < 0 && s.Watch != nil && rec.Begun {
			at = i
		}
		done = done && rec.Done
	}
	if done {
		return -1
	}
	return at
}

func (r *run) anyOpen(l phase.Lane) bool {
	for _, s := range l {
		if r.log.Of(r.p.Name, s.ID).Open() {
			return true
		}
	}
	return false
}
