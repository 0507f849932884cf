package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
)

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
						after := time.Duration(n)*time.Second + time.Millisecond
						ctx, cancel := context.WithTimeout(b.Context(), after)
						defer cancel()
						at := time.Now()
						err := b.verb(verb, &proc{w: b.w}, b.j, ctx)
						stopped = ctx.Err() != nil
						if stopped && !errors.Is(err, engine.ErrStopped) {
							b.Fatalf("n=%d: %v", n, err)
						}
						if over, grace := time.Since(at)-after, eng(b.j).Grace; stopped && over > grace {
							b.Fatalf("n=%d: took %s to stop, and has %s", n, over, grace)
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

// Nobody asked it to stop, so it does not say so; who looks for a run that ended by itself would look in vain.
func TestARunThatLosesItsLockSaysThatAndNotThatItWasAskedToStop(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		ctx, cancel := context.WithCancelCause(b.Context())
		time.AfterFunc(time.Second, func() { cancel(fmt.Errorf("%w: run-2 took it", engine.ErrLock)) })
		_, err := eng(b.j).Apply(ctx, b.of(&proc{w: b.w}), engine.Options{})
		if !errors.Is(err, engine.ErrLock) || !errors.Is(err, engine.ErrStopped) || strings.Contains(err.Error(), "asked to") || !strings.Contains(err.Error(), "this run lost its lock: run-2 took it") {
			b.Errorf("it says %v", err)
		}
	})
}
