package stepdown

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/replset/path"
)

const (
	shortly = 5 * time.Second // a primary does not give up in that time
	lasting = time.Minute     // and the tool does
)

// One set, so one test: each part starts where the one before it ended. No part may lose a write.
func TestARealSetMovesAndComesBackOverALinkThatFails(t *testing.T) {
	lengthy(t)
	g := depart(t, 3, 3)
	first := settled(t, g.d.Mongo, nil).Config
	for _, part := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"the link is cut for 5 s at every step", func(t *testing.T) { g.cuts(t, "apply", g.ahead, mongotest.Both) }},
		{"and back, one way at a time", func(t *testing.T) { g.cuts(t, "rollback", g.back, mongotest.Ahead, mongotest.Back) }},
		{"the even split is undone", g.undone},
		{"the link is cut for a minute in the even split", g.apart},
		{"and back over a link of 10 ms", func(t *testing.T) {
			g.link.Delay(5 * time.Millisecond)
			g.arrive(t, "rollback", nil)
			if now := settled(t, g.d.Mongo, nil).Config; !now.Same(first) {
				t.Errorf("there and back it is %v", now)
			}
		}},
		{"and there", func(t *testing.T) {
			g.arrive(t, "apply", nil)
			g.link.Delay(0)
			g.arrive(t, "rollback", nil)
		}},
		{"the primary hangs as it steps down", g.hangs},
		{"no acknowledged write is lost", g.lost},
	} {
		if !t.Run(part.name, part.do) {
			t.Fatal("the rest starts from here")
		}
	}
}

// cuts cuts the link as each step begins, the directions in turn.
func (g *journey) cuts(t *testing.T, verb string, way []path.Position, directions ...mongotest.Way) {
	var mu sync.Mutex
	seen := map[string]bool{}
	mended := make(chan struct{})
	close(mended)
	g.arrive(t, verb, func(e engine.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.What != engine.Begun || seen[e.Step] {
			return
		}
		<-mended // each step has a cut of its own
		seen[e.Step] = true
		whole := make(chan struct{})
		mended = whole
		g.link.Cut(directions[len(seen)%len(directions)])
		time.AfterFunc(shortly, func() { g.link.Mend(); close(whole) })
	})
	<-mended
	for _, p := range way[1:] {
		if !seen[p.ID] {
			t.Errorf("the link was not cut at %s %s", p.Name, p.ID)
		}
	}
}

// undone stops the tool in the even split: it has to be left at once, backwards.
func (g *journey) undone(t *testing.T) {
	before := settled(t, g.d.Mongo, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	code, err := g.run(ctx, t, "apply", func(e engine.Event) {
		if e.What == engine.Done && e.Step == even(g.ahead) {
			stop()
		}
	})
	if code != fault.Cancelled {
		t.Errorf("exit code %d, want %d: %v", code, fault.Cancelled, err)
	}
	v := settled(t, g.d.Mongo, nil)
	at, err := g.way.At(v.Live())
	if err != nil {
		t.Fatal(err)
	}
	p := g.ahead[at]
	if p.Old != 3 || p.New != 2 || v.Primary != before.Primary || v.Config.Term() != before.Config.Term() {
		t.Errorf("it is at %s with primary %s (%v), which was %s (%v)", p.ID, v.Primary, v.Config, before.Primary, before.Config)
	}
}

// apart cuts the link for a minute once votes are even. Nobody can be primary then; when it is back, somebody is.
func (g *journey) apart(t *testing.T) {
	var once sync.Once
	mended := make(chan struct{})
	code, err := g.run(t.Context(), t, "apply", func(e engine.Event) {
		if e.What == engine.Done && e.Step == even(g.ahead) {
			once.Do(func() {
				g.link.Cut(mongotest.Both)
				time.AfterFunc(lasting, func() { g.link.Mend(); close(mended) })
			})
		}
	})
	<-mended
	if code != fault.Broken {
		t.Errorf("exit code %d, want %d: %v", code, fault.Broken, err)
	}
	began := time.Now()
	v := settled(t, g.d.Mongo, nil)
	t.Logf("the primary is %s, %.1f s after the link is back", v.Primary, time.Since(began).Seconds())
	g.arrive(t, "apply", nil)
}

// hangs stops the primary when it says that it steps down, until a new member takes writes.
func (g *journey) hangs(t *testing.T) {
	var once sync.Once
	var waits sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	g.arrive(t, "apply", func(e engine.Event) {
		if e.What == engine.Begun && e.Step == handover(g.ahead) {
			once.Do(func() { waits.Go(func() { g.pause(ctx, t) }) })
		}
	})
	waits.Wait()
}

func (g *journey) pause(ctx context.Context, t *testing.T) {
	v, err := g.d.Mongo.View(ctx)
	if err != nil || v.Primary == "" {
		t.Errorf("who is primary: %q, %v", v.Primary, err)
		return
	}
	m := g.rig.Of(v.Primary)
	if err := m.Says(ctx, "Attempting to step down"); err != nil {
		t.Error(err)
		return
	}
	m.Pause(t)
	defer m.Resume(t)
	began := time.Now()
	for ctx.Err() == nil {
		if now := g.d.Mongo.Writable(ctx, v); slices.Contains(g.fresh, now) {
			t.Logf("%s hangs; %s takes writes %.1f s later", v.Primary, now, time.Since(began).Seconds())
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Error("no new member took writes")
}

func TestFiveAndFiveRealMembersMoveAndComeBack(t *testing.T) {
	lengthy(t)
	g := depart(t, 5, 5)
	first := settled(t, g.d.Mongo, nil).Config
	g.arrive(t, "apply", nil)
	g.arrive(t, "rollback", nil)
	if now := settled(t, g.d.Mongo, nil).Config; !now.Same(first) {
		t.Errorf("there and back it is %v", now)
	}
	g.lost(t)
}
