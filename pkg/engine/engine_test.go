package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
)

func TestDriftKeepsTheFirstSnapshot(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.do("apply")
		b.w.v["old/web"] = 1
		if err := b.verb("apply", &proc{w: b.w}, b.j, b.Context()); !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "scale:old/web") || b.w.v["old/web"] != 1 {
			b.Fatalf("drift must be named and left alone: %v", err)
		}
		b.do("repair")
		if b.w.v["old/web"] != 0 {
			b.Fatal("not repaired")
		}
		b.do("rollback")
		b.is("rolled back", b.start)
	})
}

func TestApplyTwiceAndRollback(t *testing.T) {
	for name := range phases {
		t.Run(name, func(t *testing.T) { clean(t, name) })
	}
}

func TestASecondGenerationRestoresItsOwnStart(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.do("apply")
		b.do("rollback")
		b.is("first", b.start)
		b.w.v["old/web"] = 5 // an autoscaler, a week later
		b.do("apply")
		b.do("rollback")
		if b.w.v["old/web"] != 5 {
			b.Fatalf("restored %d", b.w.v["old/web"])
		}
	})
}

func TestMovedBetweenObserveAndApplyIsSnapshottedAgain(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.of = func(p *proc) phase.Phase {
			s := p.num("scale:old/api", "old/api", 1, time.Second)
			apply, first := s.Apply, true
			s.Apply = func(ctx context.Context) error {
				if first {
					first = false
					b.w.v["old/api"] = 7
					return phase.ErrMoved
				}
				return apply(ctx)
			}
			return one(s)
		}
		b.do("apply")
		b.do("rollback")
		if b.w.v["old/api"] != 7 {
			b.Fatalf("restored %d", b.w.v["old/api"])
		}
	})
}

func TestATimedOutStepNamesItsKnobAndIsResumable(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.of = func(p *proc) phase.Phase { return one(p.num("deploy:api", "new/api", 3, 8*time.Minute)) }
		err := b.verb("apply", &proc{w: b.w}, b.j, b.Context())
		if err == nil || !strings.Contains(err.Error(), "raise windows.ready") || !strings.Contains(err.Error(), "last seen: new/api is 3") {
			b.Fatal(err)
		}
		b.do("apply")
		if b.w.writes != 1 {
			b.Fatalf("%d writes", b.w.writes)
		}
	})
}

func TestAGateThatSaysNoEndsTheStretchButBeginsNothing(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.die("apply", "write", 2) // right after the swap
		if b.w.v["route/api"] != 1 {
			b.Fatal(b.w.dump())
		}
		e := eng(b.j)
		e.Gates = []phase.Step{
			proof("approval", func() (phase.State, string) { return phase.Failed, "nobody approved" }),
			proof("digest", func() (phase.State, string) { return phase.Failed, "another plan" }),
		}
		_, err := e.Apply(b.Context(), b.of(&proc{w: b.w}), engine.Options{})
		if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "nobody approved") || !strings.Contains(err.Error(), "another plan") {
			b.Fatal(err)
		}
		b.is("only the deployment is left", map[string]int{"new/api": 3, "o": 3, "old/api": 3, "old/web": 3, "old/cart": 3, "ttl/a": 300, "ttl/b": 3600})
	})
}

func TestFactsOfOnePhaseAreTheNotBeforeOfAnother(t *testing.T) {
	in(t, "ttl", func(b *bench) {
		apply := func(f func(*proc) phase.Phase) error {
			_, err := eng(b.j).Apply(b.Context(), f(&proc{w: b.w}), engine.Options{})
			return err
		}
		if err := apply((*proc).dns); !errors.Is(err, engine.ErrNo) {
			b.Fatalf("no evidence must be a no: %v", err)
		}
		b.do("apply")
		seen := time.Now()
		var wait *engine.NotBefore
		if err := apply((*proc).dns); !errors.As(err, &wait) || wait.Until.Sub(seen) < 59*time.Minute || b.w.v["dns/a"] != 0 {
			b.Fatal(err, wait)
		}
		time.Sleep(time.Until(wait.Until))
		if err := apply((*proc).dns); err != nil || b.w.v["dns/b"] != 1 {
			b.Fatal(err)
		}
		if _, err := eng(b.j).Rollback(b.Context(), (&proc{w: b.w}).dns()); err != nil {
			b.Fatal(err)
		}
		b.do("rollback")
		b.is("start", b.start)
		if err := apply((*proc).dns); !errors.Is(err, engine.ErrNo) {
			b.Fatalf("facts of a reverted phase still count: %v", err)
		}
	})
}

func TestOneSlowLaneHoldsUpNoOther(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.of = func(p *proc) phase.Phase {
			g := phase.Group{Name: "g", Limit: 2}
			for i := range 6 {
				takes := time.Second
				if i == 0 {
					takes = 10 * time.Minute // times out after 5
				}
				g.Lanes = append(g.Lanes, phase.Lane{p.num(fmt.Sprint("a", i), fmt.Sprint("a", i), 1, takes), p.num(fmt.Sprint("b", i), fmt.Sprint("b", i), 1, takes)})
			}
			return phase.Phase{Name: "many", Steps: func(context.Context, phase.Past) ([]phase.Group, error) { return []phase.Group{g}, nil }}
		}
		err := b.verb("apply", &proc{w: b.w}, b.j, b.Context())
		if err == nil || b.w.v["b5"] != 1 || b.w.v["b0"] != 0 {
			b.Fatal(err, b.w.dump())
		}
	})
}

func TestMistakesInAPhaseAreAllNamedBeforeAnythingHappens(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.of = func(p *proc) phase.Phase {
			s, d := p.num("x", "x", 1, 0), p.num("x", "x", 1, 0)
			s.Revert, d.Knob = nil, ""
			return one(s, d)
		}
		err := b.verb("apply", &proc{w: b.w}, b.j, b.Context())
		if err == nil || !strings.Contains(err.Error(), "Final") || !strings.Contains(err.Error(), "double") || b.w.writes != 0 {
			b.Fatal(err)
		}
	})
	in(t, "migrate", func(b *bench) { // a plan that lost a step
		b.do("apply")
		b.of = func(p *proc) phase.Phase { ph := one(p.num("x", "x", 1, 0)); ph.Name = "migrate/web"; return ph }
		if err := b.verb("rollback", &proc{w: b.w}, b.j, b.Context()); !errors.Is(err, engine.ErrUnknown) {
			b.Fatal(err)
		}
	})
}

func TestDigestCoversIntentsOnly(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		_, before, err := eng(b.j).Plan(b.Context(), b.of(&proc{w: b.w}))
		if err != nil || b.w.writes != 0 {
			b.Fatal(err)
		}
		b.do("apply")
		if _, after, _ := eng(b.j).Plan(b.Context(), b.of(&proc{w: b.w})); after != before {
			b.Fatal("the digest moved with the world")
		}
	})
}

func TestEntriesAreReadable(t *testing.T) {
	in(t, "ttl", func(b *bench) {
		b.do("apply")
		entries, _, _ := b.j.Load(b.Context())
		for _, e := range entries {
			if _, err := json.Marshal(e); err != nil || e.Step != "" && e.Gen != 1 || e.At.IsZero() {
				b.Fatal(e, err)
			}
		}
	})
}
