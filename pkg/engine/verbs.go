package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// Apply brings every step to Done, going on where an earlier run stopped. A stretch that was cut off is taken back first
// if what it stands on is gone; else every gate is asked and the digest is compared: a no takes it back, after a yes it
// is the first to go on. Only then another group begins.
func (e *Engine) Apply(ctx context.Context, p phase.Phase, o Options) (Result, error) {
	return e.verb(ctx, p, func(r *run) error {
		r.opts = o
		r.count(r.ahead, false)
		r.tell(Event{What: Phase})
		return r.apply()
	})
}

func (r *run) apply() error {
	if err := r.steady(); err != nil {
		return fmt.Errorf("end what an earlier run left half-way: %w", err)
	}
	if err := r.ask(r.Gates); err != nil {
		return errors.Join(err, r.recover(r.ahead), r.recover(r.undo))
	}
	if err := r.consent(); err != nil {
		return errors.Join(err, r.recover(r.ahead), r.recover(r.undo))
	}
	if err := r.turn(); err != nil {
		return err
	}
	for _, g := range r.ahead {
		if err := r.forward(g); err != nil {
			return errors.Join(err, r.recover(r.ahead))
		}
	}
	return r.end(journal.Finished)
}

// Rollback takes back, newest first, what is open, in whichever run it was begun.
func (e *Engine) Rollback(ctx context.Context, p phase.Phase) (Result, error) {
	return e.verb(ctx, p, func(r *run) error {
		r.count(r.ahead, true)
		if p.Undo != nil {
			r.count(r.undo, false)
		}
		r.tell(Event{What: Phase})
		return r.rollback()
	})
}

func (r *run) rollback() error {
	if len(r.log.Steps(r.p.Name)) == 0 {
		return r.end(journal.Left)
	}
	if err := r.mayReturn(); err != nil {
		return errors.Join(err, r.recover(r.ahead), r.recover(r.undo))
	}
	if err := r.ask(r.Gates); err != nil {
		return errors.Join(err, r.recover(r.ahead), r.recover(r.undo))
	}
	if r.p.Undo == nil {
		for i := len(r.ahead) - 1; i >= 0; i-- {
			if err := r.backward(r.ahead[i]); err != nil {
				return err
			}
		}
		if err := r.leftovers(); err != nil {
			return err
		}
		return r.end(journal.Left)
	}
	for _, g := range r.undo {
		if err := r.forward(g); err != nil {
			return errors.Join(err, r.recover(r.ahead), r.recover(r.undo))
		}
	}
	if err := r.closing(r.log.Steps(r.p.Name)...); err != nil {
		return err
	}
	return r.end(journal.Left)
}

// mayReturn names everything that makes a complete way back impossible, before any of it is taken.
func (r *run) mayReturn() error {
	var errs []error
	for _, g := range r.ahead {
		for _, s := range flat(g) {
			rec := r.log.Of(r.p.Name, s.ID)
			if !rec.Begun || s.Apply == nil || r.gone(s) {
				continue
			}
			if s.Final != "" {
				errs = append(errs, fmt.Errorf("%s: %w: %s", s.Title, ErrFinal, s.Final))
			}
			if err := r.superseded(s); err != nil {
				errs = append(errs, fmt.Errorf("take back %s: %w", s.Title, err))
			}
		}
	}
	return errors.Join(errs...)
}

// Recover ends what must not stay half-way: a stretch that an earlier process left is taken back, or, when everything
// in it is there already, written down as done.
func (e *Engine) Recover(ctx context.Context, p phase.Phase) (Result, error) {
	return e.verb(ctx, p, func(r *run) error {
		r.count(r.ahead, false)
		return errors.Join(r.recover(r.ahead), r.recover(r.undo))
	})
}

// verb runs do and sums up what it did.
func (e *Engine) verb(ctx context.Context, p phase.Phase, do func(*run) error) (Result, error) {
	started := time.Now()
	r, err := e.open(ctx, p)
	if err != nil {
		return Result{Started: started, Ended: time.Now()}, err
	}
	defer r.close()
	err = do(r)
	switch {
	case errors.Is(err, ErrHalfway):
		r.tell(Event{What: Failed, Title: ErrHalfway.Error(), Err: err})
	case errors.Is(err, ErrStopped) && errors.Is(err, ErrLock):
		r.tell(Event{What: Stopped, Title: ErrLock.Error(), Err: err})
	case errors.Is(err, ErrStopped):
		r.tell(Event{What: Stopped, Title: "stopped at a safe point", Err: err})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Ended = time.Now()
	c := &r.result.Steps
	for _, g := range r.ahead {
		for _, s := range flat(g) {
			if r.log.Of(p.Name, s.ID).Done {
				c.Done++
			}
		}
	}
	c.Left = r.of - len(r.finished)
	return r.result, err
}

// end closes the phase in the journal, unless that was said already.
func (r *run) end(what journal.What) error {
	s := r.log.Phase(r.p.Name)
	switch {
	case what == journal.Finished && s.Finished && s.Plan == r.Seed:
		return nil
	case what == journal.Left && s.At.IsZero(), what == journal.Left && r.left():
		return nil
	}
	if err := r.append(journal.Entry{Phase: r.p.Name, What: what}); err != nil {
		return err
	}
	return r.after()
}

// left reports whether the newest entry of the phase says that it was left.
func (r *run) left() bool {
	entries := r.log.Entries()
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Phase == r.p.Name {
			return entries[i].What == journal.Left
		}
	}
	return true
}

// after lets others follow the journal.
func (r *run) after() error {
	if r.AfterGroup == nil {
		return nil
	}
	return r.AfterGroup(r.hard)
}
