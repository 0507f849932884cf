package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
)

// newGone is migrate while nothing in new answers: the workloads there and the routes of its entry.
func (p *proc) newGone() phase.Phase {
	ph := p.migrate()
	steps := ph.Steps
	ph.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := steps(ctx, past)
		for _, g := range groups {
			for _, l := range g.Lanes {
				for i := range l {
					s := &l[i]
					if len(s.Touches) == 0 || !strings.HasPrefix(s.Touches[0].Kind, "new/") && !strings.HasPrefix(s.Touches[0].Kind, "route/") {
						continue
					}
					none := errors.New("no answer")
					s.Touches = []phase.Object{{Env: phase.New, Kind: s.Touches[0].Kind}}
					s.Observe = func(context.Context) (phase.Observation, error) { return phase.Observation{}, none }
					s.Reverted = func(context.Context, json.RawMessage) (phase.Observation, error) { return phase.Observation{}, none }
				}
			}
		}
		return groups, err
	}
	return ph
}

func TestWhatIsGoneForGoodHoldsUpNothingElse(t *testing.T) {
	for how, begin := range map[string]func(*bench){
		"after the phase":      func(b *bench) { b.do("apply") },
		"in the middle of one": func(b *bench) { b.die("apply", "write", 3) },
	} {
		in(t, "migrate", func(b *bench) {
			begin(b)
			e := eng(b.j)
			e.Without = phase.New
			_, err := e.Rollback(b.Context(), (&proc{w: b.w}).newGone())
			if !errors.Is(err, engine.ErrLeft) || !strings.Contains(err.Error(), "swap:api") {
				b.Fatalf("%s: %v", how, err)
			}
			for _, n := range names {
				if b.w.v["old/"+n] != 3 || b.w.v["tail/"+n] != 0 {
					b.Errorf("%s: old does not serve %s again: %v", how, n, b.w.dump())
				}
			}
			if b.w.v["route/api"] != 1 {
				b.Error(how, b.w.dump())
			}
			b.open(1, "swap:api") // or nobody could take it back later
			b.do("rollback")      // new is back
			b.is(how, b.start)
		})
	}
}

// What a later phase left in the environment that is gone must not keep an earlier one from going back.
func TestWhatIsGoneSupersedesNobody(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		of := func(name string, p *proc, to int) phase.Phase {
			route := p.num(name+":route", "r", to, 0)
			route.Touches = []phase.Object{{Env: phase.New, Kind: "r"}}
			ph := one(p.num(name+":wire", name, 1, 0), route)
			ph.Name = name
			return ph
		}
		for i, name := range []string{"routes", "wave"} {
			if _, err := eng(b.j).Apply(b.Context(), of(name, &proc{w: b.w}, i+1), engine.Options{}); err != nil {
				b.Fatal(err)
			}
		}
		e := eng(b.j)
		e.Without = phase.New
		for i, name := range []string{"wave", "routes"} {
			if _, err := e.Rollback(b.Context(), of(name, &proc{w: b.w}, 2-i)); !errors.Is(err, engine.ErrLeft) || b.w.v[name] != 0 {
				b.Errorf("%s: %v: %v", name, err, b.w.dump())
			}
		}
	})
}
