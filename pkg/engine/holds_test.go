package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
)

// named is a phase of one lane.
func named(name string, s ...phase.Step) phase.Phase {
	ph := one(s...)
	ph.Name = name
	return ph
}

// layers are two phases on the same thing: the second takes over what the first has made.
func (p *proc) layers() (routes, migrate phase.Phase) {
	return named("routes", p.num("apply:route", "r", 1, 0), p.num("apply:other", "o", 5, 0)), named("migrate", p.num("swap:route", "r", 2, 0))
}

func TestWhatALaterPhaseHasTakenOverNeedNotHold(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		p := &proc{w: b.w}
		routes, migrate := p.layers()
		e := eng(b.j)
		apply := func(ph phase.Phase, o engine.Options) error { _, err := e.Apply(b.Context(), ph, o); return err }
		if err := errors.Join(apply(routes, engine.Options{}), e.Holds(b.Context(), []phase.Phase{routes}), apply(migrate, engine.Options{})); err != nil {
			b.Fatal(err)
		}
		if err := e.Holds(b.Context(), []phase.Phase{routes, migrate}); err != nil {
			b.Fatalf("taken over is no drift: %v", err)
		}
		if _, err := e.Verify(b.Context(), routes); err != nil {
			b.Fatalf("taken over is no drift: %v", err)
		}
		if err := errors.Join(apply(routes, engine.Options{}), apply(routes, engine.Options{Repair: true})); err != nil || b.w.v["r"] != 2 {
			b.Fatalf("an earlier phase took back what a later one did: %v %v", err, b.w.dump())
		}
		if _, err := e.Rollback(b.Context(), routes); !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "phase migrate") || b.w.v["o"] != 5 {
			b.Fatalf("rolled back although a later phase stands on it: %v", err)
		}
		b.w.v["r"], b.w.v["o"] = 7, 7
		err := e.Holds(b.Context(), []phase.Phase{routes, migrate})
		for _, want := range []string{"apply:other", "swap:route"} {
			if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), want) {
				b.Errorf("drift of %s is not named: %v", want, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), "apply:route") {
			b.Errorf("the step that was taken over is named: %v", err)
		}
	})
}

func TestAPhaseThatWasTakenOverIsFreeAgainWhenTheLaterOneIsRolledBack(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		p := &proc{w: b.w}
		routes, migrate := p.layers()
		e := eng(b.j)
		for _, ph := range []phase.Phase{routes, migrate} {
			if _, err := e.Apply(b.Context(), ph, engine.Options{}); err != nil {
				b.Fatal(err)
			}
		}
		for _, ph := range []phase.Phase{migrate, routes} {
			if _, err := e.Rollback(b.Context(), ph); err != nil {
				b.Fatal(err)
			}
		}
		b.is("rolled back", b.start)
	})
}

func TestWhatALaterPhaseHasChangedInPartIsNotWrittenOver(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		p := &proc{w: b.w}
		both := p.num("apply:both", "a", 1, 0)
		both.Touches = []phase.Object{{Kind: "a"}, {Kind: "b", Field: "spec"}}
		routes, e := named("routes", both), eng(b.j)
		later := p.num("swap:b", "b", 2, 0)
		later.Touches = []phase.Object{{Kind: "b"}}
		for _, ph := range []phase.Phase{routes, named("migrate", later)} {
			if _, err := e.Apply(b.Context(), ph, engine.Options{}); err != nil {
				b.Fatal(err)
			}
		}
		b.w.v["a"] = 7
		if _, err := e.Apply(b.Context(), routes, engine.Options{Repair: true}); !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "swap:b of phase migrate") || b.w.v["a"] != 7 {
			b.Fatal(err, b.w.dump())
		}
	})
}

func TestWhatCannotBeSeenDoesNotHold(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		s := (&proc{w: b.w}).num("x", "x", 1, 0)
		s.Observe = func(context.Context) (phase.Observation, error) {
			return phase.Observation{State: phase.Done}, errors.New("no answer")
		}
		if err := eng(b.j).Holds(b.Context(), []phase.Phase{one(s)}); !errors.Is(err, engine.ErrUnsure) {
			b.Fatal(err)
		}
	})
}

func TestVerifyAsksProofsToo(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		bad := proof("certificate", func() (phase.State, string) { return phase.Failed, "ran out" })
		down := proof("bridge", func() (phase.State, string) { return phase.Pending, "status 502" })
		long := proof("quiet", func() (phase.State, string) { return phase.Settling, "for 1s of 30s" })
		lines, err := eng(b.j).Verify(b.Context(), one(bad, down, long))
		if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "ran out") || !strings.Contains(err.Error(), "status 502") || strings.Contains(err.Error(), "quiet") {
			b.Fatal(err)
		}
		if len(lines) != 3 || lines[2].Seen.Detail != "for 1s of 30s" {
			b.Fatalf("%+v", lines)
		}
	})
}
