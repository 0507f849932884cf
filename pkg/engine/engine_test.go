package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

func eng(s journal.Store) *engine.Engine {
	return &engine.Engine{Store: s, Run: "run", Poll: time.Second, Grace: 7 * time.Second}
}

var phases = map[string]func(*proc) phase.Phase{
	"migrate": (*proc).migrate, "stepdown": (*proc).stepdown, "ttl": (*proc).ttl,
}

type bench struct {
	*testing.T
	w     *world
	j     *journal.Memory
	of    func(*proc) phase.Phase
	start map[string]int
}

func in(t *testing.T, name string, f func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := &bench{t, w, &journal.Memory{}, phases[name], w.dump()}
		f(b)
		for _, why := range w.broken {
			t.Error(why)
		}
	})
}

func (b *bench) verb(v string, p *proc, s journal.Store, ctx context.Context) error {
	e := eng(s)
	var err error
	switch v {
	case "apply":
		_, err = e.Apply(ctx, b.of(p), engine.Options{})
	case "repair":
		_, err = e.Apply(ctx, b.of(p), engine.Options{Repair: true})
	case "rollback":
		_, err = e.Rollback(ctx, b.of(p))
	case "recover":
		_, err = e.Recover(ctx, b.of(p))
	}
	return err
}

func (b *bench) do(v string) {
	b.Helper()
	if err := b.verb(v, &proc{w: b.w}, b.j, b.Context()); err != nil {
		b.Fatalf("%s: %v", v, err)
	}
}

func (b *bench) is(what string, want map[string]int) {
	b.Helper()
	if got := b.w.dump(); !maps.Equal(got, want) {
		b.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func clean(t *testing.T, name string) (end map[string]int, writes, appends int) {
	in(t, name, func(b *bench) {
		b.do("apply")
		end, writes = b.w.dump(), b.w.writes
		j, _, _ := b.j.Load(b.Context())
		appends = len(j)
		b.do("apply")
		if b.w.writes != writes {
			b.Errorf("applied twice: %d writes more", b.w.writes-writes)
		}
		if k, _, _ := b.j.Load(b.Context()); len(k) != appends {
			b.Errorf("a second apply journaled %d entries", len(k)-appends)
		}
		b.do("rollback")
		b.is("rolled back", b.start)
		b.open(0)
	})
	return
}

// open counts the open steps whose ID contains way.
func (b *bench) open(want int, way ...string) {
	b.Helper()
	l, err := journal.Open(b.Context(), b.j, "")
	n := 0
	for _, id := range l.Steps(b.of(&proc{w: b.w}).Name) {
		if len(way) == 0 || strings.Contains(id, way[0]) {
			n++
		}
	}
	if err != nil || n != want {
		b.Fatalf("%d steps open, want %d: %v", n, want, err)
	}
}

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

// die runs v in a process that dies (or whose journal fails) at the n-th append or write, and reports whether it did.
func (b *bench) die(v, how string, n int) bool {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	p := &proc{w: b.w}
	s := journal.Store(&dying{b.j, p, n, how, cancel})
	if how == "write" {
		p.dieAt, s = n, b.j
		s = &gate{b.j, p}
	}
	err := b.verb(v, p, s, ctx)
	synctest.Wait()
	return err != nil
}

// gate is a store that a dead process cannot reach.
type gate struct {
	journal.Store
	p *proc
}

func (g *gate) Append(ctx context.Context, v string, b []journal.Entry) (string, error) {
	g.p.mu.Lock()
	dead := g.p.dead
	g.p.mu.Unlock()
	if dead {
		return "", errDead
	}
	return g.Store.Append(ctx, v, b)
}

func TestDieAtAnyPointThenResumeAndRollBack(t *testing.T) {
	for name := range phases {
		end, writes, _ := clean(t, name)
		for _, how := range []string{"before", "after", "fails", "write"} {
			for _, next := range []string{"apply", "recover+apply", "rollback", "recover+rollback"} {
				t.Run(name+"/"+how+"/"+next, func(t *testing.T) {
					for n, died := 1, true; died; n++ {
						in(t, name, func(b *bench) {
							died = b.die("apply", how, n)
							for v := range strings.SplitSeq(next, "+") {
								b.do(v)
								if v == "recover" && b.w.v["o"] == b.w.v["n"] {
									b.Fatalf("n=%d: recover left the tie", n)
								}
							}
							if strings.HasSuffix(next, "apply") {
								b.is(fmt.Sprintf("n=%d resumed", n), end)
								if how != "fails" && next == "apply" && b.w.writes != writes {
									b.Errorf("n=%d: %d writes, want %d", n, b.w.writes, writes)
								}
								b.do("rollback")
							}
							b.is(fmt.Sprintf("n=%d rolled back", n), b.start)
							if b.Failed() {
								died = false
							}
						})
					}
				})
			}
		}
	}
}

func TestDieInRollbackThenEitherWay(t *testing.T) {
	for name := range phases {
		end, _, _ := clean(t, name)
		for _, how := range []string{"before", "after", "fails", "write"} {
			for _, next := range []string{"apply", "recover+apply", "rollback", "recover+rollback"} {
				t.Run(name+"/"+how+"/"+next, func(t *testing.T) {
					for n, died := 1, true; died; n++ {
						in(t, name, func(b *bench) {
							b.do("apply")
							died = b.die("rollback", how, n)
							for v := range strings.SplitSeq(next, "+") {
								if v == "apply" && how == "fails" {
									v = "repair" // the way back could not be written down: to the journal it is drift
								}
								b.do(v)
							}
							if strings.HasSuffix(next, "apply") {
								b.is(fmt.Sprintf("n=%d resumed", n), end)
								b.open(0, "back")
								b.do("rollback")
							}
							b.open(0)
							b.is(fmt.Sprintf("n=%d rolled back", n), b.start)
							if b.Failed() {
								died = false
							}
						})
					}
				})
			}
		}
	}
}

func TestStopAtAnySecondIsSafe(t *testing.T) {
	for name := range phases {
		end, _, _ := clean(t, name)
		for _, verb := range []string{"apply", "rollback"} {
			t.Run(name+"/"+verb, func(t *testing.T) {
				for n, stopped := 1, true; stopped; n++ {
					in(t, name, func(b *bench) {
						if verb == "rollback" {
							b.do("apply")
						}
						ctx, cancel := context.WithTimeout(b.Context(), time.Duration(n)*time.Second+time.Millisecond)
						defer cancel()
						at := time.Now()
						err := b.verb(verb, &proc{w: b.w}, b.j, ctx)
						stopped = ctx.Err() != nil
						if stopped && !errors.Is(err, engine.ErrStopped) {
							b.Fatalf("n=%d: %v", n, err)
						}
						if over := time.Since(at) - time.Duration(n)*time.Second; stopped && over > 8*time.Second {
							b.Fatalf("n=%d: took %s to stop", n, over)
						}
						b.do("recover")
						for _, name := range names {
							if b.w.v["route/"+name] == 1 && b.w.v["old/"+name] == 3 {
								b.Fatalf("n=%d: %s left half-way: %v", n, name, b.w.dump())
							}
						}
						b.do("apply")
						b.is("applied", end)
						b.do("rollback")
						b.is("rolled back", b.start)
						if b.Failed() {
							stopped = false
						}
					})
				}
			})
		}
	}
}

func TestWatchFailureTakesTheRouteBackAndFails(t *testing.T) {
	for second := 22; second < 90; second++ {
		in(t, "migrate", func(b *bench) {
			go func() {
				time.Sleep(time.Duration(second) * time.Second)
				b.w.mu.Lock()
				b.w.v["new/api"] = 2 // a pod dies
				b.w.mu.Unlock()
				b.w.mu.Lock()
				b.w.ready["new/api"] = time.Now().Add(time.Hour)
				b.w.mu.Unlock()
			}()
			err := b.verb("apply", &proc{w: b.w}, b.j, b.Context())
			if b.w.v["route/api"] == 1 && b.w.v["old/api"] == 0 && err == nil {
				return // the lane was at its end: the pod died too late
			}
			if err == nil || !strings.Contains(err.Error(), "0 ready endpoints of api") {
				b.Fatalf("second %d: %v", second, err)
			}
			if b.w.v["route/api"] != 0 || b.w.v["tail/api"] != 0 || b.w.v["old/api"] != 3 || b.w.v["route/web"] != 0 {
				b.Fatalf("second %d: %v", second, b.w.dump())
			}
			b.do("rollback")
			b.is("rolled back", b.start)
		})
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

func one(s ...phase.Step) phase.Phase {
	return phase.Phase{Name: "one", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
		return []phase.Group{{Name: "g", Lanes: []phase.Lane{s}}}, nil
	}}
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

func TestTheTieIsUndoneInTime(t *testing.T) {
	in(t, "stepdown", func(b *bench) {
		b.of = func(p *proc) phase.Phase {
			ph := p.stepdown()
			steps := ph.Steps
			ph.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
				g, err := steps(ctx, past)
				g[1].Lanes[0][2].Apply = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
				return g, err
			}
			return ph
		}
		err := b.verb("apply", &proc{w: b.w}, b.j, b.Context())
		if err == nil || !strings.Contains(err.Error(), "raise mongodb.tie") || b.w.v["o"] != 3 || b.w.v["n"] != 2 {
			b.Fatal(err, b.w.dump())
		}
		b.do("rollback")
		b.is("rolled back", b.start)
	})
}

func TestAGateThatSaysNoEndsTheStretchButBeginsNothing(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.die("apply", "write", 2) // right after the swap
		if b.w.v["route/api"] != 1 {
			b.Fatal(b.w.dump())
		}
		e := eng(b.j)
		e.Gates = []phase.Step{proof("approval", func() (phase.State, string) { return phase.Failed, "nobody approved" }),
			proof("digest", func() (phase.State, string) { return phase.Failed, "another plan" })}
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

type lease struct{ until time.Time }

func (l *lease) Held() (time.Time, error) {
	if time.Now().After(l.until) {
		return l.until, errors.New("lease ran out")
	}
	return l.until, nil
}

func TestNothingIsWrittenWithoutTheLock(t *testing.T) {
	for s := range 200 {
		in(t, "migrate", func(b *bench) {
			e := eng(b.j)
			l := &lease{time.Now().Add(time.Duration(s) * time.Second)}
			e.Lock = l
			w := 0
			time.AfterFunc(time.Duration(s)*time.Second+time.Millisecond, func() { b.w.mu.Lock(); w = b.w.writes; b.w.mu.Unlock() })
			_, err := e.Apply(b.Context(), b.of(&proc{w: b.w}), engine.Options{})
			time.Sleep(time.Hour)
			b.w.mu.Lock()
			late := b.w.writes - w
			b.w.mu.Unlock()
			if late != 0 { // whatever Apply answered
				b.Fatalf("second %d: %d writes after the lock was gone: %v", s, late, err)
			}
			b.do("apply")
			b.do("rollback")
			b.is("start", b.start)
		})
	}
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
