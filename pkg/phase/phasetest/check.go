package phasetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cutover.dev/cutover/pkg/phase"
)

// check goes through one life cycle. After the first mistake it does nothing more.
type check struct {
	ctx   context.Context //nolint:containedctx // it lives as long as one check
	w     World
	facts Facts // nil: nobody asks for them
	err   error
}

func (c *check) wrong(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *check) state() any {
	if c.w.State == nil {
		return nil
	}
	return c.w.State()
}

// look asks a reading function, which must answer, in words, and write nothing.
func (c *check) look(what string, ask func(context.Context) (phase.Observation, error)) phase.Observation {
	if c.err != nil {
		return phase.Observation{}
	}
	writes := c.w.Writes()
	o, err := ask(c.ctx)
	switch {
	case err != nil:
		c.wrong("%s: %w", what, err)
	case c.w.Writes() != writes:
		c.wrong("%s writes", what)
	case o.Detail == "":
		c.wrong("%s says nothing in words (%s)", what, o.State)
	case len(o.Was) > 0 && !json.Valid(o.Was):
		c.wrong("%s: Was is no JSON", what)
	}
	c.learn(o)
	return o
}

// until looks until it is Done.
func (c *check) until(what string, ask func(context.Context) (phase.Observation, error)) {
	var o phase.Observation
	for range rounds {
		if o = c.look(what, ask); c.err != nil || o.State == phase.Done {
			return
		}
		if c.w.Turn == nil || o.State == phase.Failed {
			break
		}
		c.w.Turn()
	}
	c.wrong("%s is %s, not done: %s", what, o.State, o.Detail)
}

// there brings a step from Pending to Done, and returns what Revert will need and what the digest covers.
func (c *check) there(fresh func() phase.Step) (was json.RawMessage, intent string) {
	s := fresh()
	o := c.pending(s)
	text, err := json.Marshal(s.Intent)
	if c.err == nil && err != nil {
		c.wrong("Intent: %w", err)
	}
	if s.Reverted != nil { // a process may die between the journal and the write: its rollback has to find that nothing was done
		c.until("Reverted before Apply", c.reverted(s, o.Was))
	}
	c.stops("Apply", s.Apply)
	writes := c.w.Writes()
	c.change("Apply", s.Apply, func() { o = c.pending(s) })
	if c.err == nil && c.w.Writes() == writes {
		c.wrong("Apply wrote nothing")
	}
	c.until("Observe after Apply", s.Observe)
	c.until("Observe of another process", fresh().Observe)
	return o.Was, string(text)
}

func (c *check) pending(s phase.Step) phase.Observation {
	o := c.look("Observe before Apply", s.Observe)
	if c.err == nil && o.State != phase.Pending {
		c.wrong("Observe before Apply says %s: %s", o.State, o.Detail)
	}
	return o
}

// change makes a change as the engine does: what moved in between is looked at again. Nothing moves here but by Turn.
func (c *check) change(what string, do func(context.Context) error, again func()) {
	for range rounds {
		if c.err != nil {
			return
		}
		switch err := do(c.ctx); {
		case err == nil:
			return
		case !errors.Is(err, phase.ErrMoved), c.w.Turn == nil:
			c.wrong("%s: %w", what, err)
		default:
			c.w.Turn()
			again()
		}
	}
	c.wrong("%s does not get through: something moves all the time", what)
}

// stops calls a change whose context has ended: it has to say so, and to write nothing. The lock and every deadline of
// the engine rely on that.
func (c *check) stops(what string, do func(context.Context) error) {
	if c.err != nil {
		return
	}
	ended, cancel := context.WithCancel(c.ctx)
	cancel()
	writes := c.w.Writes()
	if err := do(ended); err == nil || c.w.Writes() != writes {
		c.wrong("%s goes on although its context has ended (%d writes, error %v)", what, c.w.Writes()-writes, err)
	}
}

// again calls Apply when everything is there: nothing may change.
func (c *check) again(fresh func() phase.Step) {
	if c.err != nil {
		return
	}
	before := c.state()
	if err := fresh().Apply(c.ctx); err != nil && !errors.Is(err, phase.ErrMoved) {
		c.wrong("Apply when it is done: %w", err)
	}
	c.until("Observe after a second Apply", fresh().Observe)
	c.same("after a second Apply", before)
}

// reverted asks a step on its way back, and keeps what it finds out.
func (c *check) reverted(s phase.Step, was json.RawMessage) func(context.Context) (phase.Observation, error) {
	return func(ctx context.Context) (phase.Observation, error) {
		o, err := s.Reverted(ctx, was)
		if err == nil {
			c.keep(o.Facts)
		}
		return o, err
	}
}

// back reverts a step in a new process. Again: it is back already; else a Reverted that is Done would end the rollback.
func (c *check) back(fresh func() phase.Step, was json.RawMessage, again bool) {
	if c.err != nil {
		return
	}
	s := fresh()
	reverted := c.reverted(s, was)
	switch o := c.look("Reverted before Revert", reverted); {
	case o.State == phase.Done && !again:
		c.wrong("Reverted before Revert says done: %s", o.Detail)
	case o.State != phase.Done:
		c.stops("Revert", func(ctx context.Context) error { return s.Revert(ctx, was) })
	}
	c.change("Revert", func(ctx context.Context) error { return s.Revert(ctx, was) }, func() {})
	c.until("Reverted after Revert", reverted)
}
