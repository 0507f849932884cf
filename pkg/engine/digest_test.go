package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

func TestOnlyTheApprovedDigestRuns(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		_, digest, err := eng(b.j).Plan(b.Context(), b.of(&proc{w: b.w}))
		if err != nil {
			b.Fatal(err)
		}
		if res, err := b.apply(engine.Options{Digest: "another"}); !errors.Is(err, engine.ErrDigest) || res.Begun || b.w.writes != 0 {
			b.Fatalf("%+v %v", res, err)
		}
		other := eng(b.j)
		other.Seed = "another plan"
		if _, err := other.Apply(b.Context(), b.of(&proc{w: b.w}), engine.Options{Digest: digest}); !errors.Is(err, engine.ErrDigest) {
			b.Fatalf("the digest does not cover the plan: %v", err)
		}
		if _, err := b.apply(engine.Options{Digest: digest}); err != nil {
			b.Fatal(err)
		}
	})
}

func TestADigestThatCannotBeToldIsNeitherApprovedNorAnother(t *testing.T) {
	blind := []engine.Line{{Step: phase.Step{Title: "swap"}, Err: errors.New("no route")}}
	err := engine.Approved(strings.Repeat("a", 64), "", blind)
	if !errors.Is(err, engine.ErrDigest) || !errors.Is(err, engine.ErrUnsure) || !strings.Contains(err.Error(), "swap: no route") {
		t.Error(err)
	}
}

func TestADigestThatIsNotTheApprovedOneSaysWhatChanged(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		phases := func(want int) phase.Phase { return one((&proc{w: b.w}).num("x", "x", want, 0)) }
		_, approved, err := eng(b.j).Plan(b.Context(), phases(1))
		if err != nil || len(approved) != 64 {
			b.Fatal(approved, err)
		}
		otherPlan, otherPhase := eng(b.j), phases(1)
		otherPlan.Seed, otherPhase.Name = "another plan", "another phase"
		drifted := phases(1)
		drifted.Steps = func(context.Context, phase.Past) ([]phase.Group, error) {
			s := (&proc{w: b.w}).num("x", "x", 1, 0)
			s.Intent = "something else"
			return []phase.Group{{Name: "g", Lanes: []phase.Lane{{s}}}}, nil
		}
		for _, c := range []struct {
			e                    *engine.Engine
			p                    phase.Phase
			approved, says, hint string
		}{
			{otherPlan, phases(1), approved, "the plan changed", "the commit that was approved"},
			{eng(b.j), drifted, approved, "the clusters drifted", "undo what somebody changed"},
			{eng(b.j), otherPhase, approved, "for another phase", "cutover plan --phase"},
			{eng(b.j), phases(1), "another", "is no digest", "64 digits"},
		} {
			_, err := c.e.Apply(b.Context(), c.p, engine.Options{Digest: c.approved})
			if !errors.Is(err, engine.ErrDigest) || !strings.Contains(err.Error(), c.says) || !strings.Contains(strings.Join(fault.Hints(err), "\n"), c.hint) || b.w.writes != 0 {
				b.Errorf("want %q, got %v, hints %q", c.says, err, fault.Hints(err))
			}
		}
	})
}

func TestAWrongDigestEndsTheStretchButBeginsNothing(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.die("apply", "write", 2) // right after the swap
		if _, err := b.apply(engine.Options{Digest: "another"}); !errors.Is(err, engine.ErrDigest) {
			b.Fatal(err)
		}
		if b.w.v["route/api"] != 0 || b.w.v["new/web"] != 0 {
			b.Fatal(b.w.dump())
		}
	})
}

func TestAnIntentThatIsOnlyKnownAfterObserveIsPartOfTheDigest(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		var lateErr error
		b.of = func(p *proc) phase.Phase {
			s := p.num("x", "x", 1, 0)
			late := &lateIntent{}
			see := s.Observe
			s.Intent, s.Observe = late, func(ctx context.Context) (phase.Observation, error) {
				if lateErr != nil {
					return phase.Observation{}, lateErr
				}
				late.known = true
				return see(ctx)
			}
			return one(s)
		}
		_, digest, err := eng(b.j).Plan(b.Context(), b.of(&proc{w: b.w}))
		if err != nil || digest == "" {
			b.Fatal(digest, err)
		}
		lateErr = errors.New("API of new does not answer")
		lines, none, err := eng(b.j).Plan(b.Context(), b.of(&proc{w: b.w}))
		if err != nil || none != "" || lines[0].Err == nil {
			b.Fatalf("a digest of what nobody saw: %q %v %v", none, lines, err)
		}
		if _, err := b.apply(engine.Options{Digest: digest}); !errors.Is(err, engine.ErrDigest) || !errors.Is(err, engine.ErrUnsure) || b.w.writes != 0 {
			b.Fatal(err)
		}
		lateErr = nil
		if _, err := b.apply(engine.Options{Digest: digest}); err != nil {
			b.Fatal(err)
		}
	})
}

type lateIntent struct{ known bool }

func (l *lateIntent) MarshalJSON() ([]byte, error) {
	if !l.known {
		return nil, errors.New("not observed yet")
	}
	return []byte(`"known"`), nil
}
