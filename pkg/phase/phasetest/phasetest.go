// Package phasetest holds the life-cycle contracts that every step, and every path of steps, passes. It is for tests
// only, knows no cluster, and calls Apply and Revert on its own as no other package but engine may.
package phasetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/phase"
)

// rounds is how often a step is looked at until it has to be there.
const rounds = 200

// World is what the steps change.
type World struct {
	Writes func() int // how many writes it has seen; required
	State  func() any // what it looks like, compared by go-cmp; nil: "as it was" is not compared
	Turn   func()     // lets it move on between two looks; nil: everything is there at once
}

// TestStep checks one step: Pending, Apply, Done, Apply again, Revert twice, Reverted, Apply, Done, and back. fresh
// returns the step as a new process would make it. The world must be as it is before the step when it is called.
func TestStep(t *testing.T, w World, fresh func() phase.Step) {
	t.Helper()
	if err := Step(t.Context(), w, fresh); err != nil {
		t.Error(err)
	}
}

// TestPath checks steps that only make sense as a whole: there one by one, where every step that was reached stays
// reached, and back one by one in reverse order, until the world is as it was. Proofs among them are only asked.
func TestPath(t *testing.T, w World, fresh func() []phase.Step) {
	t.Helper()
	if err := Path(t.Context(), w, fresh); err != nil {
		t.Error(err)
	}
}

// Step is TestStep for who wants the error.
func Step(ctx context.Context, w World, fresh func() phase.Step) error {
	c := &check{ctx: ctx, w: w}
	s := fresh()
	if why := form(s); why != nil {
		return why
	}
	before := c.state()
	was, intent := c.there(fresh)
	c.again(fresh)
	if s.Revert != nil && c.err == nil {
		c.back(fresh, was)
		c.back(fresh, was)
		c.same("after the way back", before)
		_, second := c.there(fresh)
		if intent != second {
			c.wrong("the intent moves with the world: %s, then %s", intent, second)
		}
		c.back(fresh, was)
		c.same("after the second way back", before)
	}
	return wrap(s.ID, c.err)
}

// Path is TestPath for who wants the error.
func Path(ctx context.Context, w World, fresh func() []phase.Step) error {
	c := &check{ctx: ctx, w: w}
	before := c.state()
	steps := fresh()
	snapshots := make([]json.RawMessage, len(steps))
	at := func(i int) func() phase.Step { return func() phase.Step { return fresh()[i] } }
	for i, s := range steps {
		if s.Apply == nil {
			c.until(s.ID, s.Observe)
			continue
		}
		if why := form(s); why != nil {
			return why
		}
		snapshots[i], _ = c.there(at(i))
		for j := range i {
			if earlier := at(j)(); earlier.Apply != nil {
				c.until(earlier.ID+" after "+s.ID, earlier.Observe)
			}
		}
		if c.err != nil {
			return wrap(s.ID, c.err)
		}
	}
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Revert != nil && c.err == nil {
			c.back(at(i), snapshots[i])
		}
	}
	c.same("at the end of the way back", before)
	return c.err
}

// form says what every change has to say about itself.
func form(s phase.Step) error {
	var errs []error
	bad := func(yes bool, why string) {
		if yes {
			errs = append(errs, fmt.Errorf("step %q: %s", s.ID, why))
		}
	}
	bad(s.ID == "" || !strings.Contains(s.ID, ":") || strings.ContainsAny(s.ID, " \n\t"), "its ID is not verb:object")
	bad(s.Title == "", "has no Title")
	bad(s.Limit <= 0 || s.Knob == "", "has no Limit or no Knob")
	bad(s.Observe == nil || s.Apply == nil, "is no change: it needs Observe and Apply")
	bad(len(s.Touches) == 0, "touches nothing")
	bad(s.Final == "" && (s.Revert == nil) != (s.Reverted == nil), "has only one of Revert and Reverted")
	return errors.Join(errs...)
}

func wrap(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("step %s: %w", id, err)
}

// same compares the world with what it was.
func (c *check) same(when string, before any) {
	if c.err != nil || c.w.State == nil {
		return
	}
	if d := cmp.Diff(before, c.state()); d != "" {
		c.wrong("%s the world is not as it was (-before +after):\n%s", when, d)
	}
}
