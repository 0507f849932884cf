package stepdown

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/replset/path"
)

// journey is a real set whose sides are apart, on its way there and back while an application writes to it.
type journey struct {
	rig        *mongotest.Rig
	link       *mongotest.Link
	d          Deps
	j          journal.Store
	old, fresh []string
	way        *path.Way // ahead
	ahead      []path.Position
	back       []path.Position
	writer     *mongotest.Writer
}

// lengthy skips what would make of a minute ten.
func lengthy(t *testing.T) {
	t.Helper()
	if os.Getenv("CUTOVER_LONG") == "" {
		t.Skip("it takes many minutes: make faults, or set CUTOVER_LONG")
	}
}

func depart(t *testing.T, old, fresh int) *journey {
	t.Helper()
	rig, link := mongotest.StartApart(t, old, fresh)
	g := &journey{rig: rig, link: link, old: rig.Hosts(0, old), fresh: rig.Hosts(old, old+fresh)}
	d, facts := joined(t, rig, g.old, g.fresh)
	g.d, g.j = d, remembered(t, facts)
	log, err := journal.Open(t.Context(), g.j, "test")
	if err != nil {
		t.Fatal(err)
	}
	goal, err := members.Goal(d, log)
	if err != nil {
		t.Fatal(err)
	}
	there, err1 := path.Ahead(goal)
	home, err2 := path.Back(goal)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	g.way, g.ahead, g.back = there, there.Positions(), home.Positions()
	g.writer = rig.Write(slices.Concat(g.old, g.fresh)...)
	return g
}

// telling tells the test's log and, unless it is nil, hear of every event.
func telling(t *testing.T, hear phasetest.Hear) phasetest.Hear {
	return func(e engine.Event) {
		told{t}.Emit(e)
		if hear != nil {
			hear(e)
		}
	}
}

// run is one process of the tool. It returns its exit code.
func (g *journey) run(ctx context.Context, t *testing.T, verb string, hear phasetest.Hear) (fault.Code, error) {
	t.Helper()
	e := &engine.Engine{Store: g.j, Run: "test", Seed: "test", Poll: 200 * time.Millisecond, Grace: time.Minute, Sink: telling(t, hear)}
	var r engine.Result
	var err error
	began := time.Now()
	if verb == "apply" {
		r, err = e.Apply(ctx, New(g.d), engine.Options{})
	} else {
		r, err = e.Rollback(ctx, New(g.d))
	}
	code := exit(r, err, verb != "apply")
	t.Logf("%s: exit code %d after %.1f s: %v", verb, code, time.Since(began).Seconds(), err)
	return code, err
}

// exit is the exit code, in the words of pkg/cli for what can happen here.
func exit(r engine.Result, err error, back bool) fault.Code {
	failed := fault.Broken
	if back {
		failed = fault.Stuck
	}
	switch {
	case err == nil:
		return fault.OK
	case errors.Is(err, engine.ErrHalfway):
		return failed
	case errors.Is(err, engine.ErrStopped):
		return fault.Cancelled
	case r.Begun:
		return failed
	case errors.Is(err, engine.ErrUnsure) && !errors.Is(err, engine.ErrNo):
		return fault.Unsure
	case errors.Is(err, engine.ErrNo):
		return fault.Refused
	}
	return fault.Unknown
}

// arrive runs a verb again until it ends well.
func (g *journey) arrive(t *testing.T, verb string, hear phasetest.Hear) {
	t.Helper()
	for tries := 1; ; tries++ {
		code, err := g.run(t.Context(), t, verb, hear)
		switch {
		case code == fault.OK:
			g.primaryOf(t, verb)
			return
		case code == fault.Unknown || tries == 5:
			t.Fatalf("%s ends with %d for the %dth time: %v", verb, code, tries, err)
		}
	}
}

// primaryOf wants the primary to be where a verb brings it.
func (g *journey) primaryOf(t *testing.T, verb string) {
	t.Helper()
	v := settled(t, g.d.Mongo, nil)
	if slices.Contains(g.fresh, v.Primary) != (verb == "apply") {
		t.Fatalf("after %s the primary is %s", verb, v.Primary)
	}
}

// lost wants every acknowledged write of a majority to be there.
func (g *journey) lost(t *testing.T) {
	t.Helper()
	settled(t, g.d.Mongo, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	acked, failed, lost, err := g.writer.Stop(ctx)
	if t.Logf("%d writes acknowledged by a majority, %d lost, %d failed", acked, lost, failed); err != nil || lost > 0 || acked < 100 {
		t.Errorf("%d of %d acknowledged writes are lost (%v)", lost, acked, err)
	}
}

// even is the id of the step into the even split of a way, handover that of the first move of the primary.
func even(way []path.Position) string {
	return way[slices.IndexFunc(way, func(p path.Position) bool { return p.Even })].ID
}

func handover(way []path.Position) string {
	return way[slices.IndexFunc(way, func(p path.Position) bool { return p.StepDown })].ID
}
