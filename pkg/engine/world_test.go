package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

var errDead = errors.New("process is dead")

// world is both clusters; it checks the rules that protect users on every write.
type world struct {
	mu     sync.Mutex
	v      map[string]int       // "new/api" "old/api" "route/api" (1 = local) "tail/api" "o" "n" "prim" (1 = new) "ttl/…" "dns/…"
	ready  map[string]time.Time // when it is as v says
	writes int                  // that changed something
	broken []string             // rules violated
	tie    time.Time
	idle   time.Duration // how long nobody ran at all: not the engine's doing
}

func newWorld() *world {
	w := &world{v: map[string]int{"o": 3, "ttl/a": 300, "ttl/b": 3600}, ready: map[string]time.Time{}}
	for _, n := range names {
		w.v["old/"+n] = 3
	}
	return w
}

var names = []string{"api", "web", "cart"}

func (w *world) get(k string) (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.v[k], !time.Now().Before(w.ready[k])
}

func (w *world) dump() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := maps.Clone(w.v)
	maps.DeleteFunc(m, func(_ string, v int) bool { return v == 0 })
	return m
}

func (w *world) rule(ok bool, why string, args ...any) {
	if !ok {
		w.broken = append(w.broken, fmt.Sprintf(why, args...))
	}
}

func (w *world) is(k string) bool { return w.v[k] > 0 && !time.Now().Before(w.ready[k]) }

// proc is one process: when it dies, nothing it does reaches the world any more.
type proc struct {
	w      *world
	mu     sync.Mutex
	dead   bool
	writes int
	dieAt  int // die right after the n-th write took effect
}

func (p *proc) kill() { p.mu.Lock(); p.dead = true; p.mu.Unlock() }

func (p *proc) set(ctx context.Context, k string, v int, takes time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return errDead
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.v[k] != v {
		w.writes++
		w.v[k], w.ready[k] = v, time.Now().Add(takes)
		w.check(k, v)
	}
	if p.writes++; p.writes == p.dieAt {
		p.dead = true
		return errDead
	}
	return nil
}

func (w *world) check(k string, v int) {
	for _, n := range names {
		switch k {
		case "route/" + n:
			w.rule(v == 0 || w.is("new/"+n), "%s routed to local that is not ready", n)
			w.rule(v == 1 || w.is("old/"+n), "%s routed to old that is not ready", n)
			w.rule(v == 1 || w.v["tail/"+n] == 0, "%s loops", n)
		case "tail/" + n:
			w.rule(v == 0 || w.v["route/"+n] == 1, "%s loops", n)
		case "old/" + n:
			w.rule(v > 0 || w.v["route/"+n] == 1 && w.v["tail/"+n] == 1, "%s of old off while used", n)
		case "new/" + n:
			w.rule(v > 0 || w.v["route/"+n] == 0, "%s of new off while used", n)
		}
	}
	for _, n := range names[1:] { // web and cart call api
		w.rule(w.v["route/"+n] == 0 || w.v["route/api"] == 1, "%s moved without api", n)
	}
	switch k {
	case "prim":
		w.rule(v == 0 && w.v["o"] > w.v["n"] || v == 1 && w.v["n"] > w.v["o"], "primary without majority %d:%d", w.v["o"], w.v["n"])
	case "o", "n":
		if w.v["o"] == w.v["n"] {
			w.tie = time.Now()
		} else if !w.tie.IsZero() {
			w.rule(time.Since(w.tie) < 20*time.Second+w.idle, "tie held %s", time.Since(w.tie))
			w.tie = time.Time{}
		}
	}
}

func raw(v any) json.RawMessage { b, _ := json.Marshal(v); return b }

// num is the generic step of these tests: one number of the world, as kube's would be one object.
func (p *proc) num(id, k string, to int, takes time.Duration) phase.Step {
	see := func(want int) phase.Observation {
		v, ready := p.w.get(k)
		o := phase.Observation{State: phase.Pending, Detail: fmt.Sprintf("%s is %d", k, v), Was: raw(v)}
		if v == want {
			if o.State = phase.Settling; ready {
				o.State = phase.Done
			}
		}
		return o
	}
	return phase.Step{
		ID: id, Title: id, Limit: 5 * time.Minute, Knob: "windows.ready", Intent: map[string]int{k: to},
		Touches:  []phase.Object{{Kind: k}},
		Observe:  func(context.Context) (phase.Observation, error) { return see(to), nil },
		Apply:    func(ctx context.Context) error { return p.set(ctx, k, to, takes) },
		Revert:   func(ctx context.Context, was json.RawMessage) error { return p.set(ctx, k, un[int](was), takes) },
		Reverted: func(_ context.Context, was json.RawMessage) (phase.Observation, error) { return see(un[int](was)), nil },
	}
}

func un[T any](b json.RawMessage) (v T) {
	if err := json.Unmarshal(b, &v); err != nil {
		panic(err)
	}
	return v
}

func proof(id string, f func() (phase.State, string)) phase.Step {
	return phase.Step{ID: id, Title: id, Limit: time.Minute, Knob: "windows.proof",
		Observe: func(context.Context) (phase.Observation, error) {
			s, d := f()
			return phase.Observation{State: s, Detail: d}, nil
		}}
}

// held is Done once ok was true for d without a break, as far as this process saw.
func held(id string, d time.Duration, ok func() bool) phase.Step {
	var since time.Time
	return proof(id, func() (phase.State, string) {
		if !ok() {
			since = time.Time{}
			return phase.Settling, "not yet"
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) < d {
			return phase.Settling, fmt.Sprintf("for %s of %s", time.Since(since), d)
		}
		return phase.Done, "held"
	})
}

func (p *proc) migrate() phase.Phase {
	lane := func(n string) phase.Lane {
		local := func() bool { p.w.mu.Lock(); defer p.w.mu.Unlock(); return p.w.is("new/" + n) }
		swap := p.num("swap:"+n, "route/"+n, 1, time.Second)
		swap.Watch = func(ctx context.Context) error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(time.Second):
					if !local() {
						return errors.New("0 ready endpoints of " + n)
					}
				}
			}
		}
		return phase.Lane{
			p.num("deploy:"+n, "new/"+n, 3, 20*time.Second),
			swap,
			held("prove:"+n, 30*time.Second, local),
			p.num("tail:"+n, "tail/"+n, 1, time.Second),
			held("drain:"+n, 30*time.Second, local),
			p.num("scale:old/"+n, "old/"+n, 0, 10*time.Second),
		}
	}
	return phase.Phase{Name: "migrate/web", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
		return []phase.Group{
			{Name: "callees", Lanes: []phase.Lane{lane("api")}},
			{Name: "callers", Limit: 2, Lanes: []phase.Lane{lane("web"), lane("cart")}},
		}, nil
	}}
}

type config struct{ O, N, Prim int }

func (p *proc) config() config {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return config{p.w.v["o"], p.w.v["n"], p.w.v["prim"]}
}

func (p *proc) reach(ctx context.Context, c config) error {
	now := p.config()
	for k, v := range map[string][2]int{"o": {now.O, c.O}, "n": {now.N, c.N}, "prim": {now.Prim, c.Prim}} {
		if v[0] != v[1] {
			return p.set(ctx, k, v[1], 0) // one reconfig changes one thing
		}
	}
	return nil
}

var ahead = []config{{3, 0, 0}, {3, 1, 0}, {3, 2, 0}, {3, 3, 0}, {2, 3, 0}, {2, 3, 1}, {1, 3, 1}, {0, 3, 1}}
var mirror = []config{{0, 3, 1}, {1, 3, 1}, {2, 3, 1}, {3, 3, 1}, {3, 2, 1}, {3, 2, 0}, {3, 1, 0}, {3, 0, 0}}

func rank(path []config, c config) int {
	best := 0
	for i, at := range path {
		if at.O == c.O && at.N == c.N && (at.Prim == c.Prim || best == 0) {
			best = i
		}
	}
	return best
}

func (p *proc) position(way string, path []config, i int) phase.Step {
	next := func(ctx context.Context) error {
		c := path[i]
		if c.Prim == path[i-1].Prim { // this one moves votes; the primary stays where it is
			c.Prim = p.config().Prim
		}
		return p.reach(ctx, c)
	}
	id := fmt.Sprintf("replset:rs0/%s/%d+%d/%d", way, path[i].O, path[i].N, path[i].Prim)
	return phase.Step{ID: id, Title: id, Limit: time.Minute, Knob: "mongodb.step", Intent: path[i], Apply: next,
		Observe: func(context.Context) (phase.Observation, error) {
			c := p.config()
			o := phase.Observation{State: phase.Pending, Detail: fmt.Sprint(c), Was: raw(c)}
			if rank(path, c) >= i {
				o.State = phase.Done
			}
			return o, nil
		},
		Revert: func(ctx context.Context, was json.RawMessage) error { return p.reach(ctx, un[config](was)) },
		Reverted: func(_ context.Context, was json.RawMessage) (phase.Observation, error) {
			o := phase.Observation{Detail: fmt.Sprint(p.config())}
			if rank(path, p.config()) <= rank(path, un[config](was)) {
				o.State = phase.Done
			}
			return o, nil
		},
	}
}

func (p *proc) stepdown() phase.Phase {
	path := func(way string, path []config) func(context.Context, phase.Past) ([]phase.Group, error) {
		return func(context.Context, phase.Past) ([]phase.Group, error) {
			at := func(i int) phase.Step { return p.position(way, path, i) }
			tie := at(3)
			tie.Watch = phase.Within(15*time.Second, "mongodb.tie")
			lag := proof("lag", func() (phase.State, string) { return phase.Done, "0.1s" })
			lag.Limit = 0
			wait := held("settle:"+way, 3*time.Second, func() bool { return true })
			return []phase.Group{
				{Name: "before", Lanes: []phase.Lane{{at(1), at(2)}}},
				{Name: "tie", Before: []phase.Step{lag}, Lanes: []phase.Lane{{tie, wait, at(4)}}},
				{Name: "after", Lanes: []phase.Lane{{at(5), at(6), at(7)}}},
			}, nil
		}
	}
	return phase.Phase{Name: "stepdown", Steps: path("go", ahead), Undo: path("back", mirror)}
}

func (p *proc) ttl() phase.Phase {
	record := func(n string) phase.Step {
		s := p.num("ttl:"+n, "ttl/"+n, 60, 5*time.Second)
		see := s.Observe
		s.Observe = func(ctx context.Context) (phase.Observation, error) {
			o, err := see(ctx)
			switch o.State {
			case phase.Pending:
				o.Facts = map[string]any{"ttl.was/" + n: un[int](o.Was)}
			case phase.Done:
				o.Facts = map[string]any{"ttl.seenAt/" + n: p.since("ttl/" + n)}
			}
			return o, err
		}
		return s
	}
	return phase.Phase{Name: "ttl", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
		return []phase.Group{{Name: "records", Limit: 2, Lanes: []phase.Lane{{record("a")}, {record("b")}}}}, nil
	}}
}

func (p *proc) since(k string) time.Time { p.w.mu.Lock(); defer p.w.mu.Unlock(); return p.w.ready[k] }

func (p *proc) dns() phase.Phase {
	return phase.Phase{Name: "dns", After: []string{"ttl"}, Steps: func(_ context.Context, past phase.Past) ([]phase.Group, error) {
		g := phase.Group{Name: "swap", Limit: 2}
		for _, n := range []string{"a", "b"} {
			g.Before = append(g.Before, phase.Step{ID: "cached:" + n, Observe: func(context.Context) (phase.Observation, error) {
				var was int
				var seen time.Time
				had, err1 := past.Fact("ttl.was/"+n, &was)
				got, err2 := past.Fact("ttl.seenAt/"+n, &seen)
				if err := errors.Join(err1, err2); err != nil || !had || !got {
					return phase.Observation{Detail: "nobody lowered the TTL of " + n}, err
				}
				if t := seen.Add(time.Duration(was) * time.Second); time.Now().Before(t) {
					return phase.Observation{Detail: "resolvers may keep " + n, NotBefore: t}, nil
				}
				return phase.Observation{State: phase.Done, Detail: "old TTL has run out"}, nil
			}})
			g.Lanes = append(g.Lanes, phase.Lane{p.num("dns:"+n, "dns/"+n, 1, time.Second)})
		}
		return []phase.Group{g}, nil
	}}
}

// dying is a store whose process dies at its n-th append: before or after it is stored; or that only fails.
type dying struct {
	journal.Store
	p      *proc
	left   int
	how    string // "before" "after" "fails"
	cancel context.CancelFunc
}

func (d *dying) Append(ctx context.Context, v string, b []journal.Entry) (string, error) {
	if d.left--; d.left == 0 {
		if d.how == "after" {
			if _, err := d.Store.Append(ctx, v, b); err != nil {
				return "", err
			}
		}
		if d.how != "fails" {
			d.p.kill()
			d.cancel()
		}
		return "", errDead
	}
	if d.left < 0 {
		return "", errDead
	}
	return d.Store.Append(ctx, v, b)
}
