package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

type slow struct {
	journal.Store
	n int
}

func (s *slow) Append(ctx context.Context, v string, b []journal.Entry) (string, error) {
	s.n++
	time.Sleep(20 * time.Millisecond)
	return s.Store.Append(ctx, v, b)
}

func TestFiveThousandRoutes(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		p := &proc{w: b.w}
		g := phase.Group{Name: "routes", Limit: 100}
		for i := range 5000 {
			s := p.num(fmt.Sprint("route:", i), fmt.Sprint("r", i), 1, 0)
			g.Lanes = append(g.Lanes, phase.Lane{s})
		}
		ph := phase.Phase{Name: "routes", Steps: func(context.Context, phase.Past) ([]phase.Group, error) { return []phase.Group{g}, nil }}
		s := &slow{Store: b.j}
		at := time.Now()
		if _, err := eng(s).Apply(b.Context(), ph, engine.Options{}); err != nil {
			b.Fatal(err)
		}
		b.Logf("10000 entries in %d appends, %s", s.n, time.Since(at))
		if s.n > 500 {
			b.Errorf("%d appends", s.n)
		}
	})
}

func TestABackGateThatSaysNoRevertsNothing(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.do("apply")
		after := b.w.dump()
		b.of = func(p *proc) phase.Phase {
			ph := p.migrate()
			steps := ph.Steps
			ph.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
				g, err := steps(ctx, past)
				g[1].Back = []phase.Step{{ID: "old is healthy", Observe: func(context.Context) (phase.Observation, error) {
					return phase.Observation{}, fmt.Errorf("API of old does not answer")
				}}}
				return g, err
			}
			return ph
		}
		err := b.verb("rollback", &proc{w: b.w}, b.j, b.Context())
		if err == nil || !strings.Contains(err.Error(), engine.ErrUnsure.Error()) {
			b.Fatal(err)
		}
		b.is("untouched", after)
	})
}
