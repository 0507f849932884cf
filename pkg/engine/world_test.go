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
	return phase.Step{
		ID: id, Title: id, Limit: time.Minute, Knob: "windows.proof",
		Observe: func(context.Context) (phase.Observation, error) {
			s, d := f()
			return phase.Observation{State: s, Detail: d}, nil
		},
	}
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

// dying is a store whose process dies at its n-th append: before or after it is stored; or that only fails.
type dying struct {
	journal.Store
	p      *proc
	left   int
	how    string // "before" "after" "fails"
	cancel context.CancelFunc
}

// Load fails for who is dead.
func (d *dying) Load(ctx context.Context) ([]journal.Entry, string, error) {
	if d.left <= 0 && d.how != "fails" {
		return nil, "", errDead
	}
	return d.Store.Load(ctx)
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
