package stepdown

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/replset/path"
)

// moment is when the link is cut for a minute, and what that comes to.
type moment struct {
	name string // as in the table of the phase
	at   func(*journey, engine.Event) bool
	over func(engine.Event) bool // the run may end: what the cut began in is done
	meet path.Electors           // who is primary meanwhile, as the plan output shows it
	code fault.Code              // Cancelled: it got there through the cut, and was asked to stop there
	says []string
	back string // what it may say instead, having gone back: who is asked to step down may not know yet that it cannot
}

// moments are B1 to B12 of three old and three new members. B4 is the gates before the even split, and B8 is from when the primary
// was asked to step down until somebody else takes writes: they are no steps of their own.
func (g *journey) moments() (all []moment) {
	for i, p := range g.ahead[1:] {
		m := moment{name: p.Name, meet: g.ahead[i].Cut, code: fault.Cancelled}
		m.at = func(_ *journey, e engine.Event) bool { return e.What == engine.Begun && e.Step == p.ID }
		m.over = func(e engine.Event) bool { return e.What == engine.Done && e.Step == p.ID }
		switch {
		case p.Even: // nobody new answers, so no majority takes it, and the votes stay as they are
			gates := m
			gates.name = "B4"
			gates.at = func(_ *journey, e engine.Event) bool { return e.What == engine.Group && e.Group == "primary" }
			gates.over = func(e engine.Event) bool {
				return e.What == engine.Gate && e.Step == "prove:caught-up" && e.Group == "primary"
			}
			all = append(all, gates)
			m.code, m.says = fault.Broken, []string{"went back to before " + p.Title, "Quorum check failed"}
		case g.ahead[i].Even: // it is in the even split that the link is gone
			m.code, m.says = fault.Broken, []string{"went back to before " + g.ahead[i].Title, "the even split did not end within 15s"}
		case p.StepDown: // three attempts end about when new elects somebody by itself
			m.back = "went back to before " + g.ahead[i-1].Title
		case i+2 == len(g.ahead):
			m.over, m.code = func(engine.Event) bool { return false }, fault.OK
		}
		all = append(all, m)
		if p.StepDown {
			m.name, m.at = "B8", (*journey).stepping
			all = append(all, m)
		}
	}
	return all
}

// stepping: the primary is about to be asked. The link is cut beside the run, once it was.
func (g *journey) stepping(e engine.Event) bool {
	return e.What == engine.Begun && e.Step == handover(g.ahead)
}

// One set, so one test: each cut begins where the one before it ended, and where that is too far the primary goes back first.
func TestARealSetStandsACutOfAMinuteAtEachStep(t *testing.T) {
	lengthy(t)
	g := depart(t, 3, 3)
	var names []string
	for _, m := range g.moments() {
		names = append(names, m.name)
		if !t.Run(m.name, func(t *testing.T) { g.minute(t, m) }) {
			t.Fatal("the rest starts from here")
		}
	}
	if got, want := strings.Join(names, " "), "B1 B2.1 B2.2 B4 B5 B6 B7 B8 B9 B10.1 B11 B12"; got != want {
		t.Errorf("the link was cut at %s, want %s", got, want)
	}
	g.arrive(t, "apply", nil)
	g.lost(t)
}

// minute gets to a moment, cuts the link there for a minute, and wants the outcome of the table. What came of it while the machine
// let a member wait as long as a link does is not counted, in favour of nobody: it is done again.
func (g *journey) minute(t *testing.T, m moment) {
	var wrong error
	for range 5 {
		c := &cut{g: g, m: m, before: settled(t, g.d.Mongo, nil)}
		silence := g.listen(t)
		code, err := c.run(t)
		silent := silence()
		switch {
		case c.began.IsZero() && code == fault.Broken: // the machine was too slow for the even split
			continue
		case c.began.IsZero(): // it is farther than that already
			g.arrive(t, "rollback", nil)
			continue
		}
		c.recovers(t, code)
		if wrong = c.wrong(code, err); wrong == nil {
			return
		}
		if silent < starved {
			t.Fatal(wrong)
		}
		t.Logf("once more, since a member was not heard for %.1f s: %v", silent.Seconds(), wrong)
	}
	t.Fatalf("INCONCLUSIVE, the machine is overloaded: free it and run again; of five times at %s none was a cut of the link alone; the last: %v", m.name, wrong)
}

// cut is one process of the tool and the cut that it meets.
type cut struct {
	g      *journey
	m      moment
	before replset.View

	once   sync.Once
	waits  sync.WaitGroup
	began  time.Time
	mended time.Time
	met    string // who took writes when the minute was over
}

func (c *cut) run(t *testing.T) (fault.Code, error) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	code, err := c.g.run(ctx, t, "apply", func(e engine.Event) {
		if c.m.at(c.g, e) {
			c.once.Do(func() { c.cut(t) })
		}
		if c.m.over(e) {
			stop()
		}
	})
	c.waits.Wait()
	return code, err
}

// cut cuts the link now, or beside the run once the primary says that it steps down, and mends it a minute later.
func (c *cut) cut(t *testing.T) {
	g := c.g
	cut := func() { g.link.Cut(mongotest.Both); c.began = time.Now() }
	if c.m.name != "B8" {
		cut()
	}
	c.waits.Go(func() {
		if c.m.name == "B8" {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := g.rig.Of(c.before.Primary).Says(ctx, "Attempting to step down"); err != nil {
				t.Error(err)
				return
			}
			cut()
		}
		time.Sleep(lasting)
		c.met = g.d.Mongo.Writable(context.WithoutCancel(t.Context()), c.before)
		g.link.Mend()
		c.mended = time.Now()
	})
}

// wrong is what is not as the table says.
func (c *cut) wrong(code fault.Code, err error) error {
	var wrong []error
	wentBack := c.m.back != "" && code == fault.Broken && strings.Contains(err.Error(), c.m.back)
	if code != c.m.code && !wentBack {
		wrong = append(wrong, fmt.Errorf("exit code %d, want %d: %v", code, c.m.code, err))
	}
	for _, words := range c.m.says {
		if err == nil || !strings.Contains(err.Error(), words) {
			wrong = append(wrong, fmt.Errorf("it does not say %q: %v", words, err))
		}
	}
	met := path.Electors{Old: slices.Contains(c.g.old, c.met), New: slices.Contains(c.g.fresh, c.met), All: c.m.meet.All}
	if met != c.m.meet {
		wrong = append(wrong, fmt.Errorf("at the end of the cut %q takes writes, want %s", c.met, c.m.meet))
	}
	return errors.Join(wrong...)
}

// recovers wants a primary now that the link is back.
func (c *cut) recovers(t *testing.T, code fault.Code) {
	t.Helper()
	v := settled(t, c.g.d.Mongo, nil)
	t.Logf("%s: cut for %.1f s, exit code %d, meanwhile %q took writes; %s is primary and all is well %.1f s after the link is back",
		c.m.name, c.mended.Sub(c.began).Seconds(), code, c.met, v.Primary, time.Since(c.mended).Seconds())
}
