package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/ready"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
	"cutover.dev/cutover/lab/writes"
)

const (
	pairs     = 5
	steps     = 12 // changes of the configuration on the way of three old and three new members
	frozenFor = 10 // seconds in which a primary that stepped down does not stand again
	closed    = 3 * time.Second
	worstMs   = 2500
)

// application writes to the set, with one concern and with the other.
type application struct{ majority, one *writes.Writes }

// database holds the time in which nobody can write while the tool moves the primary against that of a bare step down of the
// same set, and of what one does by hand: give one new member a higher priority, and wait. Then all is as it was before.
func (m *measuring) database(ctx context.Context) (err error) {
	var a application
	if a.majority, err = rehearse.Application(ctx, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopped(ctx, a.majority)) }()
	if a.one, err = rehearse.Writers(ctx, writes.Options{Concern: writeconcern.W1()}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopped(ctx, a.one)) }()
	var ours, bare, naive gaps
	var took []time.Duration
	for range pairs {
		r, err := ours.of(ctx, a, func() (rehearse.Result, error) { return m.apply(ctx, "stepdown") })
		if err != nil {
			return err
		}
		took = append(took, r.Took)
		if _, err := m.tool.Verb(ctx, nil, "rollback", "--phase", "stepdown"); err != nil {
			return fmt.Errorf("move the primary back: %w", err)
		}
		if _, err := bare.of(ctx, a, func() (rehearse.Result, error) { return rehearse.Result{}, m.stepDown(ctx, world.Old) }); err != nil {
			return fmt.Errorf("step down: %w", err)
		}
		if _, err := naive.of(ctx, a, func() (rehearse.Result, error) { return rehearse.Result{}, m.prefer(ctx) }); err != nil {
			return fmt.Errorf("give a new member a higher priority: %w", err)
		}
		if err := m.unprefer(ctx); err != nil {
			return fmt.Errorf("take the priority back: %w", err)
		}
	}
	floor, err := m.reconfigs(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("the primary moved %d times by each means; %s\n", pairs, crowd())
	out := append(against("a bare step down", 1.25, ours, bare), against("a higher priority and a wait", 0, ours, naive)...)
	out = append(
		out, atMost("stepdown: the longest gap of all", worstMs, slices.Max(append(ours.majority, ours.one...)), "ms"),
		beside(fmt.Sprintf("stepdown against %d bare changes of the configuration", steps), quantile(took, 0.5).Seconds(), floor.Seconds(), "s"),
	)
	return m.report.note(out...)
}

func stopped(ctx context.Context, w *writes.Writes) error {
	r, err := w.Stop(context.WithoutCancel(ctx))
	if err == nil && r.Lost > 0 {
		err = fmt.Errorf("%d of %d acknowledged writes are lost", r.Lost, r.Writes)
	}
	return err
}

// gaps are the longest times without a success, in milliseconds, of the clients that do not retry.
type gaps struct{ majority, one []float64 }

// of notes the gaps while f moves the primary, and until they are closed.
func (g *gaps) of(ctx context.Context, a application, f func() (rehearse.Result, error)) (rehearse.Result, error) {
	began := time.Now()
	r, err := f()
	select {
	case <-time.After(closed):
	case <-ctx.Done():
		err = errors.Join(err, context.Cause(ctx))
	}
	g.majority = append(g.majority, float64(a.majority.Between(began, time.Now()).Plain))
	g.one = append(g.one, float64(a.one.Between(began, time.Now()).Plain))
	return r, err
}

// against holds the medians of ours against theirs. Without a target they are only stated.
func against(what string, target float64, ours, theirs gaps) []result {
	median := func(all []float64) float64 { return slices.Sorted(slices.Values(all))[len(all)/2] }
	var out []result
	for _, c := range []struct {
		concern      string
		ours, theirs []float64
	}{{"majority", ours.majority, theirs.majority}, {"1", ours.one, theirs.one}} {
		r := beside("stepdown: time without a write, w: "+c.concern+", against "+what, median(c.ours), median(c.theirs), "ms")
		r.Target = target
		out = append(out, r)
	}
	return out
}

// stepDown lets the primary step down, and waits until a member in that cluster takes writes.
func (m *measuring) stepDown(ctx context.Context, to world.Cluster) error {
	primary, err := mongo.Primary(ctx)
	if err != nil {
		return err
	}
	command := bson.D{{Key: "replSetStepDown", Value: frozenFor}, {Key: "secondaryCatchUpPeriodSecs", Value: frozenFor - 1}}
	if err := mongo.As(ctx, m.world, primary, command, nil); err != nil {
		return err
	}
	return takesWrites(ctx, to)
}

func takesWrites(ctx context.Context, in world.Cluster) error {
	return ready.Until(ctx, "a member in "+in.Name+" that takes writes", time.Minute, func(ctx context.Context) error { return mongo.TakesWrites(ctx, in) })
}

// prefer gives one new member a vote and the highest priority, and waits until it takes over.
func (m *measuring) prefer(ctx context.Context) error {
	if err := m.one(ctx, map[string]any{"votes": 1, "priority": 2, "hidden": false}); err != nil {
		return err
	}
	return takesWrites(ctx, world.New)
}

// unprefer lets an old member take over again, and makes the new one what it was.
func (m *measuring) unprefer(ctx context.Context) error {
	if err := m.one(ctx, map[string]any{"priority": 0.5}); err != nil {
		return err
	}
	if err := m.stepDown(ctx, world.Old); err != nil {
		return err
	}
	return m.one(ctx, map[string]any{"votes": 0, "priority": 0, "hidden": true})
}

// one changes the first member of new.
func (m *measuring) one(ctx context.Context, fields map[string]any) error {
	first := mongo.Members(world.New)[0].Host()
	return mongo.Reconfigure(ctx, m.world, func(host string) map[string]any {
		if host == first {
			return fields
		}
		return nil
	})
}

// reconfigs is how long as many changes of the configuration take as the phase makes, without anything else.
func (m *measuring) reconfigs(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	for range steps {
		if err := mongo.Reconfigure(ctx, m.world, func(string) map[string]any { return nil }); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
