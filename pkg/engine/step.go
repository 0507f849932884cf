package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// bring takes s to Done.
func (r *run) bring(ctx context.Context, s phase.Step) error {
	var act *action
	applied := false
	if s.Apply != nil {
		act = r.applying(s, &applied)
	}
	o, err := r.settle(ctx, s, s.Observe, act, waits{yields: true})
	if err != nil {
		return r.failed(s, err)
	}
	before := r.log.Of(r.p.Name, s.ID)
	if err := r.done(s, o); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case applied:
		r.result.Steps.Applied++
	case s.Apply != nil && !before.Open():
		r.result.Steps.Found++
	}
	return nil
}

// applying is the change that s makes, with what has to be written down around it.
func (r *run) applying(s phase.Step, applied *bool) *action {
	fresh := false
	return &action{
		begin: func(o phase.Observation) error {
			if s.Final != "" && !r.opts.AllowFinal {
				return fmt.Errorf("%w: %s", ErrFinal, s.Final)
			}
			if err := r.superseded(s); err != nil {
				return err
			}
			facts, err := encode(o.Facts)
			anew, bad := encode(o.Anew)
			if err := errors.Join(err, bad); err != nil {
				return err
			}
			rec := r.log.Of(r.p.Name, s.ID)
			if rec.Begun && !rec.Done && !rec.Undoing && rec.SameFacts(anew) { // keeps the snapshot of the run that began it
				return nil
			}
			e := journal.Entry{Phase: r.p.Name, Step: s.ID, What: journal.Begun, Was: o.Was, Facts: facts, Anew: anew, Touches: touches(s)}
			if fresh = !rec.Begun; fresh { // else it drifted, or a way back was cut off: begun again in the same generation, the first snapshot stays
				e.Facts, e.Anew = both(facts, anew), nil
			}
			return r.append(e)
		},
		do: func(ctx context.Context) error {
			r.say(Begun, s, phase.Observation{}, nil)
			err := s.Apply(ctx)
			if err == nil {
				*applied = true
				r.say(Applied, s, phase.Observation{}, nil)
			}
			return err
		},
		void: func() error {
			if !fresh {
				return nil
			}
			return r.closing(s.ID)
		},
	}
}

// revert takes s back to what it was.
func (r *run) revert(s phase.Step, rec journal.Record, insist bool) error {
	was := func(ctx context.Context) (phase.Observation, error) {
		o, err := s.Reverted(ctx, rec.Was)
		if err == nil {
			err = r.learn(s, o)
		}
		return o, err
	}
	act := &action{do: func(ctx context.Context) error { return s.Revert(ctx, rec.Was) }}
	if _, err := r.settle(r.hard, s, was, act, waits{yields: !insist}); err != nil {
		return r.failed(s, fmt.Errorf("take back: %w", err))
	}
	return nil
}

// learn journals what is new on the way back: how long it has been waited there must outlive the process too.
func (r *run) learn(s phase.Step, o phase.Observation) error {
	facts, err := encode(o.Facts)
	if err != nil || r.log.Of(r.p.Name, s.ID).SameFacts(facts) {
		return err
	}
	return r.append(journal.Entry{Phase: r.p.Name, Step: s.ID, What: journal.Undoing, Facts: facts, Note: o.Detail})
}

// done journals what is new: that it is done, or facts.
func (r *run) done(s phase.Step, o phase.Observation) error {
	facts, err := encode(o.Facts)
	if err != nil {
		return fmt.Errorf("%s: %w", s.ID, err)
	}
	if rec := r.log.Of(r.p.Name, s.ID); !rec.Done || !rec.SameFacts(facts) || r.outdated(phase.Lane{s}, r.changed(phase.Group{})) {
		e := journal.Entry{Phase: r.p.Name, Step: s.ID, What: journal.Done, Facts: facts, Note: o.Detail}
		if s.Apply != nil {
			e.Touches = touches(s)
		}
		if err := r.append(e); err != nil {
			return err
		}
	}
	r.mark(s.ID, false)
	r.say(Done, s, o, nil)
	return nil
}

// failed notes why s failed and gives the cause its name.
func (r *run) failed(s phase.Step, cause error) error {
	var wait *NotBefore
	if errors.As(cause, &wait) {
		return cause
	}
	if errors.Is(cause, ErrStopped) {
		return fmt.Errorf("%s: %w", s.Title, cause)
	}
	_ = r.append(journal.Entry{Phase: r.p.Name, Step: s.ID, What: journal.Failed, Note: cause.Error()}) // a note; the cause is what matters
	r.say(Failed, s, phase.Observation{}, cause)
	return fmt.Errorf("%s: %w", s.Title, cause)
}

const (
	lastWords  = 300 * time.Millisecond // how long an append may go on when the run is over: the process has a second left for all
	longAppend = 30 * time.Second       // how long it may take at all
)

// append journals, even when the run is over.
func (r *run) append(entries ...journal.Entry) error {
	for i := range entries {
		entries[i].Plan = r.Seed
	}
	ctx, end := detach(r.hard, lastWords)
	defer end()
	ctx, cancel := context.WithTimeout(ctx, longAppend)
	defer cancel()
	return r.log.Append(ctx, entries...)
}

// closing writes down that steps are as they were.
func (r *run) closing(ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	batch := make([]journal.Entry, len(ids))
	for i, id := range ids {
		batch[i] = journal.Entry{Phase: r.p.Name, Step: id, What: journal.Reverted}
	}
	return r.append(batch...)
}

// both is all facts of a and b.
func both(a, b map[string]json.RawMessage) map[string]json.RawMessage {
	if len(b) == 0 {
		return a
	}
	out := maps.Clone(b)
	maps.Copy(out, a)
	return out
}

// encode makes facts fit for the journal.
func encode(facts map[string]any) (map[string]json.RawMessage, error) {
	if len(facts) == 0 {
		return nil, nil
	}
	out := make(map[string]json.RawMessage, len(facts))
	for name, f := range facts {
		b, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("fact %s: %w", name, err)
		}
		out[name] = b
	}
	return out, nil
}
