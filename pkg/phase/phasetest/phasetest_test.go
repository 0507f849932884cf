package phasetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
)

// number is a world of one number that takes a while to get where it was sent.
type number struct{ now, to, writes int }

func (n *number) world() phasetest.World {
	return phasetest.World{
		Writes: func() int { return n.writes },
		State:  func() any { return n.to },
		Turn: func() {
			if n.now < n.to {
				n.now++
			} else if n.now > n.to {
				n.now--
			}
		},
	}
}

func (n *number) set(ctx context.Context, to int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if n.to != to {
		n.to = to
		n.writes++
	}
	return nil
}

func (n *number) see(there bool) phase.Observation {
	o := phase.Observation{Detail: fmt.Sprintf("%d, going to %d", n.now, n.to), Was: json.RawMessage(fmt.Sprint(n.to))}
	if there {
		if o.State = phase.Settling; n.now == n.to {
			o.State = phase.Done
		}
	}
	return o
}

// step moves the number on a path: at or beyond is Done.
func (n *number) step(to int) phase.Step {
	return phase.Step{
		ID: fmt.Sprintf("move:number/%d", to), Title: "move the number", Limit: time.Minute, Knob: "windows.ready", Intent: to,
		Touches: []phase.Object{{Env: phase.New, Kind: "Number", Name: "n"}},
		Observe: func(context.Context) (phase.Observation, error) { return n.see(n.to >= to), nil },
		Apply: func(ctx context.Context) error {
			if n.to >= to {
				return nil
			}
			return n.set(ctx, to)
		},
		Revert: func(ctx context.Context, was json.RawMessage) error {
			var v int
			if err := json.Unmarshal(was, &v); err != nil {
				return err
			}
			return n.set(ctx, v)
		},
		Reverted: func(_ context.Context, was json.RawMessage) (phase.Observation, error) {
			var v int
			err := json.Unmarshal(was, &v)
			return n.see(n.to <= v), err
		},
	}
}

func TestAGoodStepAndAGoodPathPass(t *testing.T) {
	n := &number{}
	phasetest.TestStep(t, n.world(), func() phase.Step { return n.step(3) })
	phasetest.TestPath(t, n.world(), func() []phase.Step { return []phase.Step{n.step(1), n.step(2), n.step(5)} })
	if n.to != 0 || n.writes == 0 {
		t.Errorf("%+v", n)
	}
}

func TestEveryBrokenPromiseIsFound(t *testing.T) {
	for want, spoil := range map[string]func(*number, *phase.Step){
		"not verb:object":    func(_ *number, s *phase.Step) { s.ID = "three" },
		"touches nothing":    func(_ *number, s *phase.Step) { s.Touches = nil },
		"no Knob":            func(_ *number, s *phase.Step) { s.Knob = "" },
		"only one of Revert": func(_ *number, s *phase.Step) { s.Reverted = nil },
		"writes":             func(n *number, s *phase.Step) { s.Observe = spy(s.Observe, func(*phase.Observation) { n.writes++ }) },
		"says nothing in words": func(_ *number, s *phase.Step) {
			s.Observe = spy(s.Observe, func(o *phase.Observation) { o.Detail = "" })
		},
		"says done": func(_ *number, s *phase.Step) {
			s.Observe = spy(s.Observe, func(o *phase.Observation) { o.State = phase.Done })
		},
		"Apply wrote nothing": func(_ *number, s *phase.Step) { s.Apply = func(ctx context.Context) error { return ctx.Err() } },
		"not done":            func(n *number, s *phase.Step) { s.Apply = func(ctx context.Context) error { return n.set(ctx, 2) } },
		"after a second Apply": func(n *number, s *phase.Step) {
			s.Apply = func(ctx context.Context) error { return n.set(ctx, n.to+3) }
		},
		"not as it was": func(n *number, s *phase.Step) {
			s.Revert = func(ctx context.Context, _ json.RawMessage) error { return n.set(ctx, -1) }
		},
		"Apply goes on": func(n *number, s *phase.Step) {
			s.Apply = func(ctx context.Context) error { return n.set(context.WithoutCancel(ctx), 3) }
		},
		"Revert goes on": func(n *number, s *phase.Step) {
			s.Revert = func(ctx context.Context, _ json.RawMessage) error { return n.set(context.WithoutCancel(ctx), 0) }
		},
		"Reverted before Apply is pending": func(n *number, s *phase.Step) {
			s.Reverted = func(context.Context, json.RawMessage) (phase.Observation, error) { return n.see(n.writes > 1), nil }
		},
		"Reverted before Revert says done": func(n *number, s *phase.Step) {
			s.Reverted = func(context.Context, json.RawMessage) (phase.Observation, error) { return n.see(true), nil }
		},
		"the intent moves": func(n *number, s *phase.Step) { s.Intent = n.writes },
		"Was is no JSON": func(_ *number, s *phase.Step) {
			s.Observe = spy(s.Observe, func(o *phase.Observation) { o.Was = []byte("{") })
		},
		"Revert: nobody is home": func(_ *number, s *phase.Step) {
			s.Revert = func(context.Context, json.RawMessage) error { return fmt.Errorf("nobody is home") }
		},
	} {
		n := &number{}
		err := phasetest.Step(t.Context(), n.world(), func() phase.Step {
			s := n.step(3)
			spoil(n, &s)
			return s
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func spy(see func(context.Context) (phase.Observation, error), spoil func(*phase.Observation)) func(context.Context) (phase.Observation, error) {
	return func(ctx context.Context) (phase.Observation, error) {
		o, err := see(ctx)
		spoil(&o)
		return o, err
	}
}

func TestAPathWhoseLaterStepUndoesAnEarlierOneIsFound(t *testing.T) {
	n := &number{}
	err := phasetest.Path(t.Context(), n.world(), func() []phase.Step {
		down := n.step(5)
		down.ID = "move:number/down"
		down.Observe = func(context.Context) (phase.Observation, error) { return n.see(n.to == 1), nil }
		down.Apply = func(ctx context.Context) error { return n.set(ctx, 1) }
		down.Reverted = func(context.Context, json.RawMessage) (phase.Observation, error) { return n.see(n.to == 3), nil }
		return []phase.Step{n.step(3), down}
	})
	if err == nil || !strings.Contains(err.Error(), "move:number/3 after move:number/down") {
		t.Error(err)
	}
}
