package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// apply runs apply with options in a fresh process.
func (b *bench) apply(o engine.Options) (engine.Result, error) {
	return eng(b.j).Apply(b.Context(), b.of(&proc{w: b.w}), o)
}

func TestDriftIsOneErrorWithItsDiffIndented(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		s := (&proc{w: b.w}).num("x", "x", 1, 0)
		s.Observe = func(context.Context) (phase.Observation, error) {
			return phase.Observation{State: phase.Pending, Detail: "differs in a, b; last written by kubectl-edit", Diff: "a: 1 -> 2\nb: 3 -> 4\n"}, nil
		}
		err := eng(b.j).Holds(b.Context(), []phase.Phase{one(s)})
		want := "no: does not hold any more: differs in a, b; last written by kubectl-edit\n    a: 1 -> 2\n    b: 3 -> 4"
		if !errors.Is(err, engine.ErrDrift) || !errors.Is(err, engine.ErrNo) || !strings.HasSuffix(err.Error(), want) {
			b.Fatal(err)
		}
	})
}

func TestTheHintsOfAGateComeWithItsNo(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		e := eng(b.j)
		e.Gates = []phase.Step{{ID: "gate:a", Observe: func(context.Context) (phase.Observation, error) {
			return phase.Observation{State: phase.Failed, Detail: "no way", Hints: []string{"first", "second"}}, nil
		}}}
		_, err := e.Apply(b.Context(), b.of(&proc{w: b.w}), engine.Options{})
		if got := strings.Join(fault.Hints(err), ","); got != "first,second" || !errors.Is(err, engine.ErrNo) || err.Error() != "gate a: no: no way" {
			b.Fatalf("%v, hints %q", err, got)
		}
	})
}

func TestAStepWithoutAWayBackWantsToBeAllowed(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.of = func(p *proc) phase.Phase {
			before, last := p.num("before", "x", 1, 0), p.num("delete:old", "y", 1, 0)
			last.Final = "it is deleted"
			return one(before, last)
		}
		res, err := b.apply(engine.Options{})
		if !errors.Is(err, engine.ErrFinal) || !strings.Contains(err.Error(), "it is deleted") || b.w.writes != 0 || res.Begun {
			b.Fatal(err, b.w.writes)
		}
		if _, err := b.apply(engine.Options{AllowFinal: true}); err != nil {
			b.Fatal(err)
		}
		if _, err := b.apply(engine.Options{}); err != nil {
			b.Fatalf("what is done needs nobody's leave: %v", err)
		}
		writes := b.w.writes
		if _, err := eng(b.j).Rollback(b.Context(), b.of(&proc{w: b.w})); !errors.Is(err, engine.ErrFinal) || b.w.writes != writes {
			b.Fatalf("a way back that cannot be gone to its end was begun: %v", err)
		}
		b.w.v["y"] = 0
		if _, err := b.apply(engine.Options{Repair: true}); !errors.Is(err, engine.ErrFinal) || b.w.v["y"] != 0 {
			b.Fatalf("a repair did what has no way back: %v", err)
		}
	})
}

func TestARefusalIsFinalAndIsNotWaitedFor(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		asked := 0
		b.of = func(p *proc) phase.Phase {
			s := p.num("x", "x", 1, 0)
			s.Observe = func(context.Context) (phase.Observation, error) {
				asked++
				return phase.Observation{}, fault.New(fault.Refused, "see docs/rbac", "may not read")
			}
			return one(s)
		}
		_, err := b.apply(engine.Options{})
		if !errors.Is(err, engine.ErrNo) || fault.CodeOf(err) != fault.Refused || len(fault.Hints(err)) != 1 || asked != 1 {
			b.Fatalf("asked %d times: %v", asked, err)
		}
	})
}

func TestThePhaseIsFinishedOnceAndLeftOnce(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		followed := 0
		run := func(verb string) []journal.Entry {
			e := eng(b.j)
			e.Seed = "digest"
			e.AfterGroup = func(context.Context) error { followed++; return nil }
			var err error
			if verb == "apply" {
				_, err = e.Apply(b.Context(), b.of(&proc{w: b.w}), engine.Options{})
			} else {
				_, err = e.Rollback(b.Context(), b.of(&proc{w: b.w}))
			}
			if err != nil {
				b.Fatal(err)
			}
			entries, _, _ := b.j.Load(b.Context())
			return entries
		}
		for _, c := range []struct {
			verb string
			last journal.What
		}{{"apply", journal.Finished}, {"rollback", journal.Left}} {
			followed = 0
			first := run(c.verb)
			last := first[len(first)-1]
			if last.What != c.last || last.Step != "" || last.Plan != "digest" {
				b.Fatalf("%s ends with %+v", c.verb, last)
			}
			if followed != 3 { // two groups and the end
				b.Errorf("%s: followed %d times", c.verb, followed)
			}
			if again := run(c.verb); len(again) != len(first) {
				b.Errorf("%s twice adds %d entries", c.verb, len(again)-len(first))
			}
		}
	})
}

func TestWhoCannotFollowStopsGoingForwardOnly(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		e := eng(b.j)
		e.AfterGroup = func(context.Context) error { return errors.New("no mirror") }
		if _, err := e.Apply(b.Context(), b.of(&proc{w: b.w}), engine.Options{}); err == nil || b.w.v["route/api"] != 1 || b.w.v["new/web"] != 0 {
			b.Fatal(err, b.w.dump())
		}
		_, _ = e.Rollback(b.Context(), b.of(&proc{w: b.w}))
		b.is("rolled back", b.start)
	})
}

func TestAGateThatNeverSaysYesIsANoAndOneThatNeverAnswersIsUnsure(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		cut := phase.Observation{State: phase.Settling, Detail: "no answer in time"} // which says no more than an error would
		for _, c := range []struct {
			answer phase.Observation
			err    error
			last   phase.Observation
			is     error
			isNot  error
		}{
			{phase.Observation{State: phase.Settling, Detail: "2 of 3"}, nil, phase.Observation{}, engine.ErrNo, engine.ErrUnsure},
			{phase.Observation{State: phase.Settling, Detail: "2 of 3"}, nil, cut, engine.ErrNo, engine.ErrUnsure},
			{phase.Observation{}, errors.New("no route to host"), phase.Observation{}, engine.ErrUnsure, engine.ErrNo},
		} {
			looks := 0
			g := proof("slow", nil)
			g.Observe = func(ctx context.Context) (phase.Observation, error) {
				if looks++; looks > 3 { // hangs until its time is up
					<-ctx.Done()
					if c.last.Detail != "" {
						return c.last, nil
					}
					return phase.Observation{}, ctx.Err()
				}
				return c.answer, c.err
			}
			e := eng(b.j)
			e.Gates = []phase.Step{g}
			_, err := e.Apply(b.Context(), b.of(&proc{w: b.w}), engine.Options{})
			if !errors.Is(err, c.is) || errors.Is(err, c.isNot) || !strings.Contains(err.Error(), "raise windows.proof") {
				b.Errorf("%v", err)
			}
			if want := c.answer.Detail; !strings.Contains(err.Error(), want) {
				b.Errorf("%q is not told: %v", want, err)
			}
			if strings.Contains(err.Error(), cut.Detail) {
				b.Errorf("what the end of the wait cut off is told: %v", err)
			}
		}
	})
}

// An object of somebody else's in the last group is found before the first one is written, and not again on resuming.
func TestWhatCannotComeAboutIsSaidBeforeAnythingIsBegun(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		foreign := true
		b.of = func(p *proc) phase.Phase {
			first, last := p.num("first", "x", 1, 0), p.num("last", "y", 1, 0)
			see := last.Observe
			last.Observe = func(ctx context.Context) (phase.Observation, error) {
				if foreign {
					return phase.Observation{State: phase.Failed, Detail: "it belongs to Helm"}, nil
				}
				return see(ctx)
			}
			return phase.Phase{Name: "one", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
				return []phase.Group{{Name: "g", Lanes: []phase.Lane{{first}}}, {Name: "h", Lanes: []phase.Lane{{last}}}}, nil
			}}
		}
		res, err := b.apply(engine.Options{})
		if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "it belongs to Helm") || res.Begun || b.w.writes != 0 {
			b.Fatalf("%+v %v, %d writes", res, err, b.w.writes)
		}
		foreign = false
		if _, err := b.apply(engine.Options{}); err != nil {
			b.Fatal(err)
		}
	})
}

// Somebody puts right one mistake between two runs and makes another: what was proved of what was there before proves
// nothing of what is there now.
func TestWhatWasProvedIsAskedAgainOnceItsGroundWasChanged(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		asked, wanted, well := 0, 1, false
		b.of = func(p *proc) phase.Phase {
			first := proof("first", func() (phase.State, string) { asked++; return phase.Done, "" })
			second := proof("second", func() (phase.State, string) {
				if well {
					return phase.Done, ""
				}
				return phase.Failed, "no"
			})
			return phase.Phase{Name: "one", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
				return []phase.Group{
					{Name: "bridge", Lanes: []phase.Lane{{p.num("bridge", "x", wanted, 0)}}},
					{Name: "proofs", Lanes: []phase.Lane{{first}, {second}}},
				}, nil
			}}
		}
		run := func(fails bool, want int) {
			b.Helper()
			if _, err := b.apply(engine.Options{}); (err != nil) != fails || asked != want {
				b.Fatalf("asked %d times, want %d: %v", asked, want, err)
			}
		}
		run(true, 1)
		run(true, 1) // nothing was changed since
		wanted = 2
		run(true, 2)
		run(true, 2)
		well = true
		run(false, 2)
		run(false, 2)
	})
}
