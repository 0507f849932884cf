// Package phasetest holds the life-cycle contracts that every step, and every path of steps, passes. It is for tests
// only, knows no cluster, and calls Apply and Revert on its own as no other package but engine may.
package phasetest

import (
	"context"
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

	// Of Crashes alone.
	Slow  bool   // a process dies after every append and every write, but of the ways on after it one each is tried, in turn
	Reset func() // makes the world as it was, for a phase without a way back, which then is only killed on its way there
}

// TestStep checks one step: Pending, Apply, Done, Apply again, Revert twice, Reverted, Apply, Done, and back. fresh
// returns the step as a new process would make it. The world must be as it is before the step when it is called.
func TestStep(t *testing.T, w World, fresh func() phase.Step) {
	t.Helper()
	if err := Step(t.Context(), w, fresh); err != nil {
		t.Error(err)
	}
}

// TestPath checks steps that only make sense as a whole. One by one each lives the life of TestStep, with those before
// it done, and stays there; what was reached stays reached. Then all go back one by one in reverse order, until the
// world is as it was. Proofs among them are only asked, and a step that is Final does not go back.
func TestPath(t *testing.T, w World, fresh func() []phase.Step) {
	t.Helper()
	if err := Path(t.Context(), w, fresh); err != nil {
		t.Error(err)
	}
}

// TestPhase is TestPath for every step and every gate ahead of a phase, which learns what its steps found out as it would
// from the journal. Gates of the way back are asked by the engine alone, see TestCrashes.
func TestPhase(t *testing.T, w World, fresh func() phase.Phase) {
	t.Helper()
	if err := Phase(t.Context(), w, fresh); err != nil {
		t.Error(err)
	}
}

// Step is TestStep for who wants the error.
func Step(ctx context.Context, w World, fresh func() phase.Step) error {
	c := &check{ctx: ctx, w: w}
	before := c.state()
	was := c.life(fresh)
	if s := fresh(); s.Revert != nil {
		c.back(fresh, was, false)
		c.same("after the second way back", before)
	}
	return wrap(fresh().ID, c.err)
}

// Path is TestPath for who wants the error.
func Path(ctx context.Context, w World, fresh func() []phase.Step) error {
	c := &check{ctx: ctx, w: w}
	return c.path(func() ([]phase.Step, error) { return fresh(), nil })
}

// Phase is TestPhase for who wants the error.
func Phase(ctx context.Context, w World, fresh func() phase.Phase) error {
	c := &check{ctx: ctx, w: w, facts: Facts{}}
	return c.path(func() (steps []phase.Step, err error) {
		groups, err := fresh().Steps(ctx, c.facts)
		for _, g := range groups {
			steps = append(steps, g.Before...)
			for _, l := range g.Lanes {
				steps = append(steps, l...)
			}
		}
		return steps, err
	})
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
	bad(s.Final == "" && s.Revert == nil, "has neither a way back nor a word why")
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
