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

// What a step says is to be done reaches who reads the error. Only where it says nothing may more time be what helps.
func TestTheHintsOfAStepComeWithItsErrorInsteadOfMoreTime(t *testing.T) {
	for name, c := range map[string]struct {
		seen  phase.Observation
		hints string
		raise bool
	}{
		"a no for good":              {phase.Observation{State: phase.Failed, Detail: "answers 500", Hints: []string{"its log", "its node"}}, "its log,its node", false},
		"a no when the time is over": {phase.Observation{State: phase.Settling, Detail: "answers 500", Hints: []string{"its log"}}, "its log", false},
		"too slow":                   {phase.Observation{State: phase.Settling, Detail: "1 of 2 ready"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, "migrate", func(b *bench) {
				proves := proof("prove", nil)
				proves.Observe = func(context.Context) (phase.Observation, error) { return c.seen, nil }
				_, err := eng(b.j).Apply(b.Context(), one((&proc{w: b.w}).num("a", "a", 1, 0), proves), engine.Options{})
				if got := strings.Join(fault.Hints(err), ","); got != c.hints || !errors.Is(err, engine.ErrNo) || !strings.HasSuffix(err.Error(), c.seen.Detail) {
					b.Errorf("%v, hints %q, want %q", err, got, c.hints)
				}
				if strings.Contains(err.Error(), "(raise windows.proof)") != c.raise {
					b.Errorf("%v", err)
				}
			})
		})
	}
}

// A look that saw nothing has no hint of an earlier one: what that said may not be so any more.
func TestWhatCouldNotBeToldAtTheEndHasNoOlderHint(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		looks, proves := 0, proof("prove", nil)
		proves.Observe = func(context.Context) (phase.Observation, error) {
			if looks++; looks > 1 {
				return phase.Observation{}, errors.New("connection refused")
			}
			return phase.Observation{State: phase.Settling, Detail: "answers 500", Hints: []string{"its log"}}, nil
		}
		_, err := eng(b.j).Apply(b.Context(), one((&proc{w: b.w}).num("a", "a", 1, 0), proves), engine.Options{})
		if !errors.Is(err, engine.ErrUnsure) || len(fault.Hints(err)) > 0 || !strings.Contains(err.Error(), "(raise windows.proof)") {
			b.Errorf("%v, hints %q", err, fault.Hints(err))
		}
	})
}

func TestTheHintOfAWatchComesWithWhatWentBack(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		swap := (&proc{w: b.w}).num("swap", "a", 1, 0)
		swap.Watch = func(context.Context) error { return fault.New(fault.Broken, "why they went", "no pod is left") }
		_, err := eng(b.j).Apply(b.Context(), one(swap, proof("prove", func() (phase.State, string) { return phase.Settling, "not yet" })), engine.Options{})
		if got := strings.Join(fault.Hints(err), ","); got != "why they went" || !strings.Contains(err.Error(), "went back to before") || b.w.v["a"] != 0 {
			b.Errorf("%v, hints %q, %v", err, got, b.w.v)
		}
	})
}

// What is looked at before anything is begun, and what is only verified, say it as well.
func TestTheHintsOfAChangeThatWillNeverComeAboutComeBeforeAnythingIsWritten(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		s := (&proc{w: b.w}).num("a", "a", 1, 0)
		s.Observe = func(context.Context) (phase.Observation, error) {
			return phase.Observation{State: phase.Failed, Detail: "it belongs to argo", Hints: []string{"argo"}}, nil
		}
		_, err := eng(b.j).Apply(b.Context(), one(s), engine.Options{})
		if got := strings.Join(fault.Hints(err), ","); got != "argo" || !errors.Is(err, engine.ErrNo) || b.w.writes != 0 {
			b.Errorf("%v, hints %q", err, got)
		}
		proves := proof("prove", nil)
		proves.Observe = s.Observe
		for _, only := range []phase.Step{s, proves} {
			_, err = eng(b.j).Verify(b.Context(), one(only))
			if got := strings.Join(fault.Hints(err), ","); got != "argo" || !errors.Is(err, engine.ErrNo) {
				b.Errorf("verify %s: %v, hints %q", only.ID, err, got)
			}
		}
	})
}
