package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// half reports whether a lane of migrate is between its swap and its end: a route is local, and the old side still up.
func (b *bench) half(name string) bool {
	return b.w.v["route/"+name] == 1 && b.w.v["old/"+name] == 3
}

func TestAStopInsideAStretchTakesItBackBeforeTheRunEnds(t *testing.T) {
	inside := 0
	for second := 22; second < 82; second++ { // api: swapped at 20; from 82 on old goes down, and coming up again takes longer than the grace
		in(t, "migrate", func(b *bench) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Duration(second)*time.Second+time.Millisecond)
			defer cancel()
			err := b.verb("apply", &proc{w: b.w}, b.j, ctx)
			if !errors.Is(err, engine.ErrStopped) || b.half("api") {
				b.Fatalf("second %d: %v: %v", second, b.w.dump(), err)
			}
			if b.w.v["route/api"] == 0 {
				inside++
			}
		})
	}
	if inside == 0 {
		t.Error("no stop came inside the stretch")
	}
}

// A look may take as long as the watch window; a stop must not wait for it, or there is no time left to go back.
func TestAStopDuringALongLookLeavesTimeToGoBack(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.of = func(p *proc) phase.Phase {
			swap, window := p.num("swap", "route/api", 1, time.Second), proof("window", nil)
			swap.Watch = func(ctx context.Context) error { <-ctx.Done(); return nil }
			window.Observe = func(ctx context.Context) (phase.Observation, error) {
				select {
				case <-ctx.Done():
					return phase.Observation{}, context.Cause(ctx)
				case <-time.After(50 * time.Second):
					return phase.Observation{State: phase.Done, Detail: "good"}, nil
				}
			}
			return one(p.num("deploy", "new/api", 3, 0), swap, window)
		}
		ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
		defer cancel()
		err := b.verb("apply", &proc{w: b.w}, b.j, ctx)
		if !errors.Is(err, engine.ErrStopped) || errors.Is(err, engine.ErrHalfway) || b.w.v["route/api"] != 0 {
			b.Errorf("%v: %v", b.w.dump(), err)
		}
	})
}

// Old goes down at 82, and takes longer to come up again than a stopped run may go on.
func TestAStretchThatCannotGoBackInTimeIsNoSafePoint(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		ctx, cancel := context.WithTimeout(b.Context(), 83*time.Second)
		defer cancel()
		if err := b.verb("apply", &proc{w: b.w}, b.j, ctx); !errors.Is(err, engine.ErrHalfway) || !errors.Is(err, engine.ErrStopped) {
			b.Fatalf("%v: %v", b.w.dump(), err)
		}
		b.do("recover")
		if b.w.v["route/api"] != 0 || b.w.v["old/api"] != 3 {
			b.Error(b.w.dump())
		}
	})
}

func TestARollbackThatIsStoppedInsideAStretchGoesThroughIt(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.do("apply")
		ctx, cancel := context.WithCancelCause(b.Context())
		p := &proc{w: b.w}
		ph := p.migrate()
		steps := ph.Steps
		ph.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
			g, err := steps(ctx, past)
			tail := &g[1].Lanes[0][3] // web: old is up again, the route still leads to new
			revert := tail.Revert
			tail.Revert = func(ctx context.Context, was json.RawMessage) error {
				cancel(errors.New("SIGTERM"))
				return revert(ctx, was)
			}
			return g, err
		}
		_, err := eng(b.j).Rollback(ctx, ph)
		if !errors.Is(err, engine.ErrStopped) {
			b.Fatal(err)
		}
		if b.w.v["route/web"] != 0 || b.w.v["new/web"] != 3 {
			b.Fatalf("not through the stretch, or further than through it: %v", b.w.dump())
		}
		b.do("rollback")
		b.is("rolled back", b.start)
	})
}

func TestALaneThatWasCutOffGoesFirst(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		var order []string
		g := func(p *proc) phase.Group {
			g := phase.Group{Name: "g", Limit: 1}
			for _, n := range names {
				deploy, swap := p.num("deploy:"+n, "new/"+n, 3, time.Second), p.num("swap:"+n, "route/"+n, 1, time.Second)
				swap.Watch = func(ctx context.Context) error { <-ctx.Done(); return nil }
				last := p.num("tail:"+n, "tail/"+n, 1, time.Second)
				for _, s := range []*phase.Step{&deploy, &last} {
					apply := s.Apply
					s.Apply = func(ctx context.Context) error { order = append(order, n); return apply(ctx) }
				}
				g.Lanes = append(g.Lanes, phase.Lane{deploy, swap, last})
			}
			return g
		}
		b.of = func(p *proc) phase.Phase {
			return phase.Phase{Name: "many", Steps: func(context.Context, phase.Past) ([]phase.Group, error) { return []phase.Group{g(p)}, nil }}
		}
		b.die("apply", "write", 5) // in the stretch of web, the second
		order = nil
		_ = b.verb("apply", &proc{w: b.w, dieAt: 1}, b.j, b.Context())
		if len(order) == 0 || order[0] != "web" {
			b.Fatalf("%v first: %v", order, b.w.dump())
		}
	})
}

// A lost answer of the journal is no reason to take anything back.
func TestALostAnswerOfTheJournalChangesNothing(t *testing.T) {
	for name := range phases {
		end, writes, _ := clean(t, name)
		for n, lost := 1, true; lost; n++ {
			in(t, name, func(b *bench) {
				s := &forgetful{Store: b.j, left: n}
				if err := b.verb("apply", &proc{w: b.w}, s, b.Context()); err != nil {
					b.Fatalf("n=%d: %v", n, err)
				}
				lost = s.left <= 0
				b.is("applied", end)
				if b.w.writes != writes {
					b.Errorf("n=%d: %d writes, want %d", n, b.w.writes, writes)
				}
			})
			if t.Failed() {
				return
			}
		}
	}
}

// forgetful is a store whose n-th append is stored, and whose answer to it is lost.
type forgetful struct {
	journal.Store
	left int
}

func (f *forgetful) Append(ctx context.Context, v string, batch []journal.Entry) (string, error) {
	next, err := f.Store.Append(ctx, v, batch)
	if f.left--; f.left == 0 && err == nil {
		return "", errors.New("connection reset")
	}
	return next, err
}

// staged is migrate with a group for what is brought up and one for what is swapped.
func (p *proc) staged() phase.Phase {
	ph := p.migrate()
	steps := ph.Steps
	ph.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := steps(ctx, past)
		up := phase.Group{Name: "up", Limit: 3}
		for i, g := range groups {
			for j, l := range g.Lanes {
				up.Lanes = append(up.Lanes, l[:1])
				groups[i].Lanes[j] = l[1:]
			}
		}
		return append([]phase.Group{up}, groups...), err
	}
	return ph
}

// Pods of new die together with the process, or while nobody runs: the next run must not wait for them with the route on
// them.
func TestAStretchThatStandsOnWhatIsGoneGoesBackAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		of   func(*proc) phase.Phase
		swap int // the number of its write
	}{"in its lane": {(*proc).migrate, 2}, "in an earlier group": {(*proc).staged, 4}} {
		end, _, _ := clean(t, "migrate")
		in(t, "migrate", func(b *bench) {
			b.of = c.of
			b.die("apply", "write", c.swap)
			if b.w.v["route/api"] != 1 {
				b.Fatal(b.w.dump())
			}
			b.w.ready["new/api"] = time.Now().Add(4 * time.Minute)
			seen := make(chan int, 1)
			time.AfterFunc(2*time.Second, func() { route, _ := b.w.get("route/api"); seen <- route })
			b.do("apply")
			if route := <-seen; route != 0 {
				b.Errorf("%s: after 2 s the route is %d", name, route)
			}
			b.is("applied", end)
		})
	}
}
