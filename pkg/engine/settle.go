package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

type judge func(context.Context) (phase.Observation, error)

// action is what settle may do once when the judge says Pending. begin journals first; void takes that back when
// nothing was written.
type action struct {
	begin func(phase.Observation) error
	do    func(context.Context) error
	void  func() error
}

// waits says how settle waits.
type waits struct {
	yields bool // a stop request ends it, and a look that is under way
	quiet  bool // nothing is told: it is a gate, whose answer is told by who asks
}

// settle asks judge until it says Done, acting once on the first Pending. It is the only loop and the only place that
// waits.
func (r *run) settle(ctx context.Context, s phase.Step, ask judge, act *action, w waits) (phase.Observation, error) {
	timeout := fmt.Errorf("not there after %s (raise %s)", s.Limit, s.Knob)
	if s.Limit != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.Limit, timeout)
		defer cancel()
	}
	looking, soft := ctx, (<-chan struct{})(nil)
	if w.yields {
		soft = r.soft.Done()
		var cut context.CancelFunc
		looking, cut = context.WithCancel(ctx)
		defer cut()
		defer context.AfterFunc(r.soft, cut)() // a look may take minutes, and the grace is for going back
	}
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	told := teller{r: r, s: s, quiet: w.quiet}
	for {
		o, err := ask(looking)
		told.tell(o, err)
		if looking.Err() != nil && ctx.Err() == nil && (err != nil || o.State != phase.Done) { // cut off, it tells nothing
			return o, told.stopped()
		}
		if over, err := verdict(o, err, s.Limit == 0); over {
			if !o.NotBefore.IsZero() && o.State != phase.Done {
				told.wait(o, nil)
			}
			return o, err
		}
		told.remember(ctx, o, err)
		if err == nil && o.State == phase.Pending && act != nil && ctx.Err() == nil && (!w.yields || r.soft.Err() == nil) {
			acted, err := r.act(ctx, s, o, act)
			if err != nil {
				return o, err
			}
			if acted {
				act = nil
				continue
			}
		}
		told.wait(o, err)
		select {
		case <-ctx.Done():
			return o, told.ended(context.Cause(ctx), timeout)
		case <-soft:
			return o, told.stopped()
		case <-tick.C:
		}
	}
}

// verdict reports whether an answer ends the waiting, and with which error.
func verdict(o phase.Observation, err error, once bool) (bool, error) {
	switch {
	case err != nil && fault.CodeOf(err) == fault.Refused: // asking again would not change it
		return true, fmt.Errorf("%w: %w", ErrNo, err)
	case err != nil && once:
		return true, fmt.Errorf("%w: %w", ErrUnsure, err)
	case err != nil:
		return false, nil
	case o.State == phase.Done:
		return true, nil
	case !o.NotBefore.IsZero():
		return true, &NotBefore{o.NotBefore, o.Detail}
	case o.State == phase.Failed || once:
		return true, no(o, o.Detail)
	}
	return false, nil
}

// no is an error that says so in these words, with what o says is to be done.
func no(o phase.Observation, words string) error {
	return fault.Advise(fault.Refused, fmt.Errorf("%w: %s", ErrNo, words), o.Hints...)
}

// teller tells what settle sees: every change of the state, and that it waits.
type teller struct {
	r     *run
	s     phase.Step
	quiet bool
	asked bool
	state phase.State

	last   string            // what was seen last, in words
	seen   phase.Observation // the same, if anything was
	unseen error             // why the last look saw nothing
}

// remember keeps what was seen last. A look that was cut off by the end of the wait tells nothing, unless it was all:
// whether it says so by an error or takes the missing answer for what it saw.
func (t *teller) remember(ctx context.Context, o phase.Observation, err error) {
	switch {
	case ctx.Err() != nil && t.last != "":
	case err == nil:
		t.last, t.seen, t.unseen = o.Detail, o, nil
	default:
		t.last, t.seen, t.unseen = fmt.Sprintf("%v: %v", ErrUnsure, err), o, err
	}
}

// stopped is the error of a wait that a stop request ended.
func (t *teller) stopped() error {
	err := stopped(context.Cause(t.r.soft))
	if t.last != "" {
		err = fmt.Errorf("%w; last seen: %s", err, t.last)
	}
	return err
}

// ended is the error of a wait that ran out. Not there in time is a no; could not tell is not.
func (t *teller) ended(cause, timeout error) error {
	switch {
	case t.unseen != nil && errors.Is(t.unseen, cause) && !errors.Is(cause, timeout): // the look was cut off by what ended it
		return cause
	case t.unseen != nil:
		return fmt.Errorf("%w; last seen: %w: %w", cause, ErrUnsure, t.unseen)
	case errors.Is(cause, timeout) && len(t.seen.Hints) > 0: // which say what helps: waiting for longer is not it
		return no(t.seen, fmt.Sprintf("not there after %s; last seen: %s", t.s.Limit, t.last))
	case errors.Is(cause, timeout):
		return fmt.Errorf("%w: %w; last seen: %s", ErrNo, cause, t.last)
	}
	return fmt.Errorf("%w; last seen: %s", cause, t.last)
}

func (t *teller) tell(o phase.Observation, err error) {
	if t.quiet {
		return
	}
	if err == nil && (!t.asked || o.State != t.state) {
		t.asked, t.state = true, o.State
		t.r.say(Observed, t.s, o, nil)
	}
}

// wait tells that it is not there yet.
func (t *teller) wait(o phase.Observation, err error) {
	if !t.quiet {
		t.r.say(Waiting, t.s, o, err)
	}
}

// whileHeld is a context that ends with the lock, which is held until then at least. A write that hangs may be sent again
// after that time if the lock was renewed meanwhile.
func (r *run) whileHeld(ctx context.Context, until time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(until)):
			}
			next, err := r.Lock.Held()
			if err == nil && !next.After(until) {
				err = errors.New("it was not renewed in time")
			}
			if err != nil {
				cancel(fmt.Errorf("%w: %w", ErrLock, err))
				return
			}
			until = next
		}
	}()
	return ctx, func() { cancel(nil) }
}

// act journals, then writes, unless the lock is gone; false = nothing was written, ask again.
func (r *run) act(ctx context.Context, s phase.Step, o phase.Observation, act *action) (bool, error) {
	if act.begin != nil {
		if err := act.begin(o); err != nil {
			return false, err
		}
	}
	if r.Lock != nil { // after journaling, which takes time
		until, err := r.Lock.Held()
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrLock, err)
		}
		var end context.CancelFunc
		ctx, end = r.whileHeld(ctx, until)
		defer end()
	}
	r.began()
	err := act.do(ctx)
	if errors.Is(err, phase.ErrMoved) {
		if act.void == nil {
			return false, nil
		}
		return false, act.void()
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return true, err
}
