package phasetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
)

// numbers is a world of named numbers.
type numbers struct {
	mu     sync.Mutex
	v      map[string]int
	writes int
	ready  time.Time // when the last write takes effect
}

func (n *numbers) world() phasetest.World {
	return phasetest.World{
		Writes: func() int { n.mu.Lock(); defer n.mu.Unlock(); return n.writes },
		State:  func() any { n.mu.Lock(); defer n.mu.Unlock(); return maps.Clone(n.v) },
	}
}

func (n *numbers) set(ctx context.Context, k string, to int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	n.v[k] = to
	n.writes++
	return nil
}

func (n *numbers) get(k string) int { n.mu.Lock(); defer n.mu.Unlock(); return n.v[k] }

func (n *numbers) step(k string, to int) phase.Step {
	see := func(want int) (phase.Observation, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		now, _ := json.Marshal(n.v[k])
		o := phase.Observation{Detail: k + " is " + string(now), Was: now}
		if n.v[k] == want {
			o.State = phase.Done
		}
		return o, nil
	}
	number := func(was json.RawMessage) (v int) { _ = json.Unmarshal(was, &v); return v }
	return phase.Step{
		ID: "set:" + k, Title: "set " + k, Limit: time.Minute, Knob: "windows.ready", Intent: to, Touches: []phase.Object{{Kind: "Number", Name: k}},
		Observe:  func(context.Context) (phase.Observation, error) { return see(to) },
		Apply:    func(ctx context.Context) error { return n.set(ctx, k, to) },
		Revert:   func(ctx context.Context, was json.RawMessage) error { return n.set(ctx, k, number(was)) },
		Reverted: func(_ context.Context, was json.RawMessage) (phase.Observation, error) { return see(number(was)) },
	}
}

// phase has a lane with a watched stretch beside one without, and a group after them.
func (n *numbers) phase(spoil func(groups []phase.Group)) func() phase.Phase {
	return func() phase.Phase {
		return phase.Phase{Name: "p", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
			swap := n.step("b", 1)
			swap.Watch = func(ctx context.Context) error { <-ctx.Done(); return nil }
			groups := []phase.Group{
				{Name: "first", Limit: 2, Lanes: []phase.Lane{{n.step("a", 1), swap, n.step("c", 1)}, {n.step("d", 1)}}},
				{Name: "second", Lanes: []phase.Lane{{n.step("e", 1)}}},
			}
			if spoil != nil {
				spoil(groups)
			}
			return groups, nil
		}}
	}
}

func fresh() *numbers { return &numbers{v: map[string]int{"a": 7, "b": 0, "c": 3, "d": 0, "e": 0}} }

func TestAGoodPhaseSurvivesEveryCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := fresh()
		phasetest.TestCrashes(t, n.world(), n.phase(nil))
		if n.writes < 500 {
			t.Errorf("only %d writes: hardly anything was tried", n.writes)
		}
	})
}

func TestAPhaseThatTrustsItsMemoryIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		want  string
		spoil func(n *numbers, groups []phase.Group)
	}{
		"a way back from a variable": {"after the rollback", func(n *numbers, groups []phase.Group) {
			s, was := &groups[0].Lanes[0][0], 0
			observe := s.Observe
			s.Observe = func(ctx context.Context) (phase.Observation, error) {
				o, err := observe(ctx)
				if o.State == phase.Pending {
					was = n.get("a")
				}
				return o, err
			}
			s.Revert = func(ctx context.Context, _ json.RawMessage) error { return n.set(ctx, "a", was) }
			s.Reverted = func(context.Context, json.RawMessage) (phase.Observation, error) {
				return phase.Observation{State: map[bool]phase.State{true: phase.Done}[n.get("a") == was], Detail: "as it was, I think"}, nil
			}
		}},
		"steps that are only what is left": {"no longer in the plan", func(n *numbers, groups []phase.Group) {
			if n.get("e") == 1 {
				groups[1].Lanes = nil
			}
		}},
		"an Apply that is done only when the process knows": {"apply again", func(n *numbers, groups []phase.Group) {
			s, applied := &groups[1].Lanes[0][0], false
			s.Apply = func(ctx context.Context) error { applied = true; return n.set(ctx, "e", 1) }
			s.Observe = func(context.Context) (phase.Observation, error) {
				o := phase.Observation{Detail: "so I remember", Was: json.RawMessage("0")}
				if applied {
					o.State = phase.Done
				}
				return o, nil
			}
		}},
		"a write that is only known to be on its way": {"a run that is not killed needs 5", func(n *numbers, groups []phase.Group) {
			s, applied := &groups[1].Lanes[0][0], false
			apply, observe := s.Apply, s.Observe
			s.Apply = func(ctx context.Context) error {
				applied, n.ready = true, time.Now().Add(time.Second)
				return apply(ctx)
			}
			s.Observe = func(ctx context.Context) (phase.Observation, error) {
				o, err := observe(ctx)
				if o.State == phase.Done && time.Now().Before(n.ready) {
					o.State = map[bool]phase.State{false: phase.Pending, true: phase.Settling}[applied]
				}
				return o, err
			}
		}},
		"a snapshot that is empty": {"not as it should be", func(_ *numbers, groups []phase.Group) {
			s := &groups[0].Lanes[0][2]
			observe := s.Observe
			s.Observe = func(ctx context.Context) (phase.Observation, error) {
				o, err := observe(ctx)
				o.Was = nil
				return o, err
			}
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := fresh()
			err := phasetest.Crashes(t.Context(), n.world(), n.phase(func(g []phase.Group) { c.spoil(n, g) }))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	if err := phasetest.Crashes(t.Context(), phasetest.World{}, nil); err == nil || errors.Is(err, context.Canceled) {
		t.Error("a world that cannot be compared is taken")
	}
}
