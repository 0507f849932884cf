package phasetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
)

// learned is a phase whose second step goes where the first one found out.
func learned(n *number, spoil func([]phase.Step)) func() phase.Phase {
	return func() phase.Phase {
		return phase.Phase{Name: "p", Steps: func(_ context.Context, past phase.Past) ([]phase.Group, error) {
			first, second := n.step(1), n.step(2)
			first.Observe = spy(first.Observe, func(o *phase.Observation) { o.Facts = map[string]any{"to": 5} })
			second.Observe = func(context.Context) (phase.Observation, error) {
				to := 0
				if ok, err := past.Fact("to", &to); err != nil || !ok {
					return phase.Observation{}, errors.New("nothing is known")
				}
				return n.see(n.to >= to), nil
			}
			second.Apply = func(ctx context.Context) error { return n.set(ctx, 5) }
			proof := phase.Step{ID: "prove:number", Observe: func(context.Context) (phase.Observation, error) { return n.see(n.to >= 1), nil }}
			steps := []phase.Step{first, proof, second}
			if spoil != nil {
				spoil(steps)
			}
			gate := phase.Step{ID: "gate:number", Observe: func(context.Context) (phase.Observation, error) { return n.see(true), nil }}
			return []phase.Group{{Name: "g", Before: []phase.Step{gate}, Lanes: []phase.Lane{steps}}}, nil
		}}
	}
}

func TestAPhaseLearnsWhatItsStepsFoundOut(t *testing.T) {
	n := &number{}
	phasetest.TestPhase(t, n.world(), learned(n, nil))
	if n.to != 0 || n.writes == 0 {
		t.Errorf("%+v", n)
	}
}

func TestEveryBrokenPromiseOfAPhaseIsFound(t *testing.T) {
	listed := 0
	for want, spoil := range map[string]func(n *number, s []phase.Step){
		"prove:number is failed, not done: no": func(_ *number, s []phase.Step) {
			s[1].Observe = func(context.Context) (phase.Observation, error) {
				return phase.Observation{State: phase.Failed, Detail: "no"}, nil
			}
		},
		"in a later job": func(_ *number, s []phase.Step) {
			if listed++; listed > 1 {
				s[1].ID = "prove:another"
			}
		},
		"neither a way back nor a word why": func(_ *number, s []phase.Step) { s[2].Revert, s[2].Reverted = nil, nil },
		"step move:number/2: after the way back the world is not": func(n *number, s []phase.Step) {
			s[2].Revert = func(ctx context.Context, _ json.RawMessage) error { return n.set(ctx, 0) }
		},
		"move:number/1 after move:number/2": func(n *number, s []phase.Step) {
			s[0].Observe = spy(s[0].Observe, func(o *phase.Observation) {
				if n.to > 1 {
					o.State = phase.Pending
				}
			})
		},
	} {
		n := &number{}
		listed = 0
		err := phasetest.Phase(t.Context(), n.world(), learned(n, func(s []phase.Step) { spoil(n, s) }))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestWithoutLeavesOutProofsAndNothingElse(t *testing.T) {
	n := &number{}
	p := phasetest.Without(learned(n, nil)(), "prove:", "move:")
	groups, err := p.Steps(t.Context(), nil)
	if err != nil || len(groups) != 1 || len(groups[0].Lanes[0]) != 2 || groups[0].Lanes[0][1].ID != "move:number/2" {
		t.Errorf("%v %+v", err, groups)
	}
	if groups, _ = phasetest.Without(p, "gate:").Steps(t.Context(), nil); len(groups[0].Before) != 1 {
		t.Error("a gate is left out")
	}
}

func TestAMoveInBetweenIsLookedAtAgain(t *testing.T) {
	n, moved := &number{}, 0
	step := func() phase.Step {
		s := n.step(3)
		apply, revert := s.Apply, s.Revert
		s.Apply = func(ctx context.Context) error {
			if moved++; moved == 2 { // the first one comes with a context that has ended
				return phase.ErrMoved
			}
			return apply(ctx)
		}
		s.Revert = func(ctx context.Context, was json.RawMessage) error {
			if moved++; moved%3 == 0 {
				return phase.ErrMoved
			}
			return revert(ctx, was)
		}
		return s
	}
	phasetest.TestStep(t, n.world(), step)
	if moved < 4 {
		t.Errorf("asked %d times", moved)
	}
}

// A phase without a way back is only killed on its way there, in a world that is made again each time.
func TestAPhaseWithoutAWayBackSurvivesEveryCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := fresh()
		final := func(spoil func(*phase.Step)) func() phase.Phase {
			return n.phase(func(groups []phase.Group) {
				groups[0].Lanes[0][1].Watch = nil
				for _, g := range groups {
					for _, l := range g.Lanes {
						for i := range l {
							l[i].Final, l[i].Revert, l[i].Reverted = "it is gone", nil, nil
						}
					}
				}
				spoil(&groups[1].Lanes[0][0])
			})
		}
		w, resets := n.world(), 0
		w.Reset = func() {
			resets++
			again := fresh()
			n.mu.Lock()
			defer n.mu.Unlock()
			n.v = again.v
		}
		phasetest.TestCrashes(t, w, final(func(*phase.Step) {}))
		if resets < 20 {
			t.Errorf("%d resets: hardly anything was tried", resets)
		}
		phasetest.TestPhase(t, w, final(func(*phase.Step) {}))
		w.Reset()
		err := phasetest.Crashes(t.Context(), w, final(func(s *phase.Step) {
			s.Apply = func(ctx context.Context) error { return n.set(ctx, "e", n.get("e")+n.get("a")) }
			s.Observe = func(context.Context) (phase.Observation, error) {
				return phase.Observation{State: phase.Pending, Detail: "never enough"}, nil
			}
		}))
		if err == nil {
			t.Error("a phase that never gets there is taken")
		}
	})
}

func TestASlowWorldIsKilledAtEveryPointToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := fresh()
		w := n.world()
		w.Slow = true
		phasetest.TestCrashes(t, w, n.phase(nil))
		if n.writes < 200 {
			t.Errorf("only %d writes: hardly anything was tried", n.writes)
		}
	})
}
