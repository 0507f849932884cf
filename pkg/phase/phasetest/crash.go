package phasetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// TestCrashes runs a phase by the engine: there and back, and then again for every n and every way on with a process that
// dies at its n-th append to the journal, before or after it is stored, or right after its n-th write. Whatever was
// killed, going on arrives where a whole run arrives and writes nothing twice, and going back leaves nothing behind.
//
// fresh returns the phase as a new process would make it. The world must be as it is before the phase, needs State, and
// may be used from many goroutines. Phases that wait for minutes belong into a bubble of testing/synctest.
func TestCrashes(t *testing.T, w World, fresh func() phase.Phase) {
	t.Helper()
	if err := Crashes(t.Context(), w, fresh); err != nil {
		t.Error(err)
	}
}

// onItsWay is how long what a dead process sent may take to a server on this machine. In life the next process waits for the
// lock's ttl.
const onItsWay = 100 * time.Millisecond

// The ways on after a crash.
var (
	waysBack  = []string{"apply rollback", "recover apply rollback", "rollback", "recover rollback"}
	waysThere = []string{"apply", "recover apply"} // of a phase that does not go back
)

// Crashes is TestCrashes for who wants the error.
func Crashes(ctx context.Context, w World, fresh func() phase.Phase) error {
	if w.State == nil {
		return errors.New("crashes are not seen without State")
	}
	c := &crashes{ctx: ctx, w: w, fresh: fresh, start: w.State()}
	if err := c.whole(); err != nil {
		return err
	}
	verbs, ways, hows := []string{"apply", "rollback"}, waysBack, []string{"after", "write", "before"}
	if w.Slow {
		hows = hows[:2] // just before an append is nearly right after the append or the write ahead of it
	}
	if w.Reset != nil {
		verbs, ways = verbs[:1], waysThere
	}
	for _, verb := range verbs {
		for i, how := range hows {
			if w.Slow {
				if err := c.every(verb, how, func(n int) string { return ways[(i+n)%len(ways)] }); err != nil {
					return err
				}
				continue
			}
			for _, next := range ways {
				if err := c.every(verb, how, func(int) string { return next }); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// crashes is what a whole run looks like, for comparison.
type crashes struct {
	ctx        context.Context //nolint:containedctx // it lives as long as one check
	w          World
	fresh      func() phase.Phase
	start, end any
	writes     int // of a whole run forward
}

// whole goes there, there again and back, undisturbed.
func (c *crashes) whole() error {
	j := &journal.Memory{}
	before := c.w.Writes()
	if err := c.run("apply", alive(), j); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	c.end, c.writes = c.w.State(), c.w.Writes()-before
	if err := c.run("apply", alive(), j); err != nil {
		return fmt.Errorf("apply again: %w", err)
	}
	if more := c.w.Writes() - before - c.writes; more != 0 {
		return fmt.Errorf("apply again: %d writes, although everything was done", more)
	}
	if c.w.Reset == nil {
		if err := c.run("rollback", alive(), j); err != nil {
			return fmt.Errorf("rollback: %w", err)
		}
	}
	return c.back("after the rollback")
}

// back is asked at the end of a cycle: the world is as it was.
func (c *crashes) back(when string) error {
	if c.w.Reset != nil {
		c.w.Reset()
	}
	return c.is(when, c.start)
}

// every kills verb at 1, 2, 3 … until it comes to its end, and goes on in the way that way says.
func (c *crashes) every(verb, how string, way func(n int) string) error {
	for n := 1; ; n++ {
		j, next := &journal.Memory{}, way(n)
		if verb == "rollback" {
			if err := c.run("apply", alive(), j); err != nil {
				return err
			}
		}
		before := c.w.Writes()
		p := &process{how: how, left: n}
		killed := c.run(verb, p, j)
		if c.w.Slow && p.isDead() {
			time.Sleep(onItsWay)
		}
		for v := range strings.FieldsSeq(next) {
			when := fmt.Sprintf("%s was killed at %d (%s: %v), then %s of %s", verb, n, how, killed, v, next)
			if err := c.run(v, alive(), j); err != nil {
				return fmt.Errorf("%s: %w", when, err)
			}
			if v != "apply" {
				continue
			}
			if err := c.is(when, c.end); err != nil {
				return err
			}
			if wrote := c.w.Writes() - before; verb == "apply" && strings.HasPrefix(next, "apply") && wrote != c.writes {
				return fmt.Errorf("%s: %d writes, a run that is not killed needs %d", when, wrote, c.writes)
			}
		}
		if err := c.back(fmt.Sprintf("%s was killed at %d (%s), then %s", verb, n, how, next)); err != nil {
			return err
		}
		if !p.isDead() {
			return nil
		}
	}
}

// run is one verb in one process.
func (c *crashes) run(verb string, p *process, j journal.Store) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	p.store, p.end, p.turn = j, cancel, c.w.Turn
	e := &engine.Engine{Store: p, Run: "phasetest", Seed: "phasetest", Poll: time.Millisecond, Grace: 10 * time.Millisecond}
	var err error
	switch ph := p.wrap(c.fresh()); verb {
	case "apply":
		_, err = e.Apply(ctx, ph, engine.Options{AllowFinal: true})
	case "rollback":
		_, err = e.Rollback(ctx, ph)
	default:
		_, err = e.Recover(ctx, ph)
	}
	return err
}

func (c *crashes) is(when string, want any) error {
	if d := cmp.Diff(want, c.w.State()); d != "" {
		return fmt.Errorf("%s: the world is not as it should be (-want +got):\n%s", when, d)
	}
	return nil
}
