package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/migrate"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/routes"
)

// session is what pkg/cli wires together for one verb, without identity, lock and gates.
type session struct {
	parts.Deps
	engine *engine.Engine
}

func open(ctx context.Context, t task) (*session, error) {
	s := &session{Deps: parts.Deps{Plan: t.Scope.plan()}}
	for env, c := range map[string]struct {
		at   string
		into **kube.Cluster
	}{phase.Old: {t.Old, &s.Old}, phase.New: {t.New, &s.New}} {
		var err error
		if *c.into, err = kube.Connect(ctx, env, c.at, kube.Options{}); err != nil {
			return nil, err
		}
	}
	inv, err := inventory.Take(ctx, s.Old, s.Plan.Spec.Namespaces)
	if err != nil {
		return nil, err
	}
	if inv.Controllers, err = inventory.FindControllers(ctx, s.Old, s.New, "main", "main"); err != nil {
		return nil, err
	}
	s.Inventory = inv
	name, ns := s.Plan.Metadata.Name, s.Plan.Spec.State.Namespace
	store, mirror := cluster.New(s.New, ns, name), cluster.New(s.Old, ns, name)
	s.engine = &engine.Engine{
		Store: store, Run: "bench", Seed: "seed", Poll: time.Second, Grace: 7 * time.Second,
		AfterGroup: func(ctx context.Context) error { return store.Mirror(ctx, mirror) },
	}
	return s, nil
}

// steps is a phase without the groups that ask the entries.
func steps(p phase.Phase, without ...string) phase.Phase {
	all := p.Steps
	p.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := all(ctx, past)
		return slices.DeleteFunc(groups, func(g phase.Group) bool { return slices.Contains(without, g.Name) }), err
	}
	return p
}

func (s *session) routes() phase.Phase { return steps(routes.New(s.Deps), "proof") }

func routesApply(ctx context.Context, t task) (took, error) {
	s, err := open(ctx, t)
	if err != nil {
		return took{}, err
	}
	watch := start() // the inventory was frozen by an earlier job
	result, err := s.engine.Apply(ctx, s.routes(), engine.Options{})
	return watch.stop(result.Steps.Applied), err
}

func routesPlan(ctx context.Context, t task) (took, error) {
	watch := start()
	s, err := open(ctx, t)
	if err != nil {
		return took{}, err
	}
	lines, _, err := s.engine.Plan(ctx, s.routes())
	return watch.stop(len(lines)), errors.Join(err, all(lines, phase.Pending))
}

func routesVerify(ctx context.Context, t task) (took, error) {
	watch := start()
	s, err := open(ctx, t)
	if err != nil {
		return took{}, err
	}
	lines, err := s.engine.Verify(ctx, s.routes())
	return watch.stop(len(lines)), errors.Join(err, all(lines, phase.Done))
}

// all makes sure that the measured work was the work that was meant.
func all(lines []engine.Line, want phase.State) error {
	for _, l := range lines {
		if l.Err != nil || l.Seen.State != want {
			return fmt.Errorf("%s is %s, not %s: %s (%w)", l.Step.ID, l.Seen.State, want, l.Seen.Detail, l.Err)
		}
	}
	return nil
}

// wavesPlan plans every wave, one after the other, as one process that looks at all of them.
func wavesPlan(ctx context.Context, t task) (took, error) {
	watch := start()
	s, err := open(ctx, t)
	if err != nil {
		return took{}, err
	}
	n := 0
	for _, w := range s.Plan.Spec.Waves {
		lines, _, err := s.engine.Plan(ctx, migrate.New(s.Deps, w))
		if err != nil {
			return took{}, err
		}
		n += len(lines)
	}
	return watch.stop(n), nil
}

// waveApply moves one wave. What asks entries or pods is left out, since there are none; whether workloads are ready is not.
func waveApply(ctx context.Context, t task) (took, error) {
	s, err := open(ctx, t)
	if err != nil {
		return took{}, err
	}
	watch := start()
	result, err := s.engine.Apply(ctx, written(migrate.New(s.Deps, s.Plan.Spec.Waves[t.Wave])), engine.Options{})
	return watch.stop(result.Steps.Applied), err
}

// written is a phase without its proofs and gates, but for the one that API servers can answer.
func written(p phase.Phase) phase.Phase {
	all := p.Steps
	p.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := all(ctx, past)
		for i := range groups {
			g := &groups[i]
			g.Before, g.Limit = nil, atOnce
			for j, l := range g.Lanes {
				g.Lanes[j] = slices.DeleteFunc(l, func(s phase.Step) bool { return s.Apply == nil && !strings.HasPrefix(s.ID, "capacity:") })
				for k := range g.Lanes[j] {
					g.Lanes[j][k].Watch = nil
				}
			}
			g.Lanes = slices.DeleteFunc(g.Lanes, func(l phase.Lane) bool { return len(l) == 0 })
		}
		return groups, err
	}
	return p
}
