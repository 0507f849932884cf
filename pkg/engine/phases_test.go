package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/phase"
)

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
	return phase.Step{
		ID: id, Title: id, Limit: time.Minute, Knob: "mongodb.step", Intent: path[i], Apply: next,
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
