package engine_test

import (
	"context"
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

// accounted wants no write that the journal does not tell of: one for each time that a step was begun, one for each time that
// it was taken back, and one for a way back that was begun and of which nobody wrote down that it was gone.
func (b *bench) accounted(what string) {
	b.Helper()
	all, _, err := b.j.Load(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	told, begun, undoing := 0, map[string]bool{}, map[string]bool{}
	for _, e := range all {
		switch {
		case e.What == journal.Begun && undoing[e.Step]:
			told += 2
		case e.What == journal.Begun, e.What == journal.Reverted && begun[e.Step]:
			told++
		}
		begun[e.Step] = e.What == journal.Begun || begun[e.Step] && e.What != journal.Reverted
		undoing[e.Step] = e.What == journal.Undoing || undoing[e.Step] && e.What != journal.Begun && e.What != journal.Reverted
	}
	if b.w.writes > told {
		b.Errorf("%s: %d writes, and the journal tells of %d", what, b.w.writes, told)
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

func one(s ...phase.Step) phase.Phase {
	return phase.Phase{Name: "one", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
		return []phase.Group{{Name: "g", Lanes: []phase.Lane{s}}}, nil
	}}
}
