package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
)

// hanging is a change whose Apply only returns when its context ends.
func hanging(p *proc) phase.Step {
	s := p.num("hang", "x", 1, 0)
	s.Apply = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	return s
}

func TestAWriteThatHangsEndsWithTheLease(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		e := eng(b.j)
		e.Lock = &lease{time.Now().Add(10 * time.Second)}
		at := time.Now()
		_, err := e.Apply(b.Context(), one(hanging(&proc{w: b.w})), engine.Options{})
		if took := time.Since(at); !errors.Is(err, engine.ErrLock) || took != 10*time.Second {
			b.Fatalf("after %s: %v", took, err)
		}
	})
}

func TestAWriteThatHangsMayGoOnWhileTheLockIsRenewed(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		e, began := eng(b.j), time.Now()
		e.Lock = renewed(func() (time.Time, error) {
			if time.Since(began) > 25*time.Second {
				return time.Time{}, errors.New("run-2 took it")
			}
			return time.Now().Add(10 * time.Second), nil
		})
		_, err := e.Apply(b.Context(), one(hanging(&proc{w: b.w})), engine.Options{})
		if took := time.Since(began); !errors.Is(err, engine.ErrLock) || !strings.Contains(err.Error(), "run-2 took it") || took != 30*time.Second {
			b.Fatalf("after %s: %v", took, err)
		}
	})
}

// renewed is a lock that is asked anew each time.
type renewed func() (time.Time, error)

func (l renewed) Held() (time.Time, error) { return l() }

func TestAWriteThatHangsEndsWithTheGraceAndIsNoFailure(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		ctx, cancel := context.WithTimeoutCause(b.Context(), 3*time.Second, errors.New("SIGTERM"))
		defer cancel()
		at := time.Now()
		_, err := eng(b.j).Apply(ctx, one(hanging(&proc{w: b.w})), engine.Options{})
		if took := time.Since(at); !errors.Is(err, engine.ErrStopped) || !strings.Contains(err.Error(), "SIGTERM") || took != 10*time.Second {
			b.Fatalf("after %s: %v", took, err)
		}
	})
}

func TestAStepIsAppliedOnceInARun(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		applied := 0
		s := (&proc{w: b.w}).num("x", "x", 1, 0)
		s.Apply = func(context.Context) error { applied++; return nil } // somebody takes it back each time
		_, err := eng(b.j).Apply(b.Context(), one(s), engine.Options{})
		if err == nil || !strings.Contains(err.Error(), "raise windows.ready") || applied != 1 {
			b.Fatalf("applied %d times: %v", applied, err)
		}
	})
}

// crowd is a phase of n lanes of two steps; each counts how many Applies run at once.
type crowd struct {
	mu        sync.Mutex
	now, most int
	applied   []string
	fails     string
}

func (c *crowd) phase(p *proc, n, limit int) phase.Phase {
	g := phase.Group{Name: "g", Limit: limit}
	for i := range n {
		var l phase.Lane
		for _, k := range []string{"a", "b"} {
			s := p.num(fmt.Sprint(k, i), fmt.Sprint(k, i), 1, 0)
			apply := s.Apply
			s.Apply = func(ctx context.Context) error {
				c.enter(s.ID)
				time.Sleep(time.Second) // in a bubble
				c.leave()
				if s.ID == c.fails {
					return errors.New("quota")
				}
				return apply(ctx)
			}
			l = append(l, s)
		}
		g.Lanes = append(g.Lanes, l)
	}
	return phase.Phase{Name: "crowd", Steps: func(context.Context, phase.Past) ([]phase.Group, error) { return []phase.Group{g}, nil }}
}

func (c *crowd) enter(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.most = max(c.most, c.now)
	c.applied = append(c.applied, id)
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

func TestLanesKeepToTheLimitOfTheirGroup(t *testing.T) {
	for limit, want := range map[int]int{0: 1, 1: 1, 3: 3} {
		in(t, "migrate", func(b *bench) {
			c := &crowd{}
			if _, err := eng(b.j).Apply(b.Context(), c.phase(&proc{w: b.w}, 7, limit), engine.Options{}); err != nil {
				b.Fatal(err)
			}
			if c.most != want || len(c.applied) != 14 {
				b.Errorf("limit %d: %d at once, %d applied", limit, c.most, len(c.applied))
			}
		})
	}
}

func TestAfterAFailureNoOtherLaneBeginsAStep(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		c := &crowd{fails: "a0"}
		_, err := eng(b.j).Apply(b.Context(), c.phase(&proc{w: b.w}, 7, 2), engine.Options{})
		if err == nil || !strings.Contains(err.Error(), "quota") {
			b.Fatal(err)
		}
		for _, id := range c.applied {
			if id != "a0" && id != "a1" && id != "b1" { // b1 may have been on its way when a0 failed
				b.Errorf("%s was begun after a0 had failed: %v", id, c.applied)
			}
		}
	})
}

func TestALaneThatWaitsForItsTimeHoldsUpNoOther(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		c := &crowd{}
		at := time.Now().Add(24 * time.Hour)
		p := c.phase(&proc{w: b.w}, 4, 2)
		groups, _ := p.Steps(b.Context(), nil)
		for _, lane := range groups[0].Lanes[:2] {
			lane[1].Observe = func(context.Context) (phase.Observation, error) {
				return phase.Observation{State: phase.Settling, Detail: "somebody comes", NotBefore: at}, nil
			}
		}
		_, err := eng(b.j).Apply(b.Context(), p, engine.Options{})
		var wait *engine.NotBefore
		if !errors.As(err, &wait) || !wait.Until.Equal(at) || b.w.v["b2"] != 1 || b.w.v["b3"] != 1 || b.w.v["b0"] != 0 {
			b.Error(err, b.w.dump())
		}
	})
}
