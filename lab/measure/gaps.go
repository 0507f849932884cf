package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// gaps are the longest times without a success, in milliseconds, of the clients that do not retry.
type gaps struct {
	majority, one []float64 // while the primary moved
	failed        []float64 // in runs that did not arrive, of either client; these were repeated
}

// of notes the gaps while f moves the primary. Where it fails they are kept apart: the primary may not have moved at all, so they
// would make a median look better than it is, and the longest of all look better without them.
func (g *gaps) of(ctx context.Context, a application, f func() error) error {
	majority, one, err := a.during(ctx, f)
	if err != nil {
		g.failed = append(g.failed, max(majority, one))
		return err
	}
	g.majority, g.one = append(g.majority, majority), append(g.one, one)
	return nil
}

// back is of for the way back, whose gaps are no figure of their own.
func (g *gaps) back(ctx context.Context, a application, f func() error) error {
	majority, one, err := a.during(ctx, f)
	if err != nil {
		g.failed = append(g.failed, max(majority, one))
	}
	return err
}

// during is the gaps while f runs, and until they are closed, however it ends.
func (a application) during(ctx context.Context, f func() error) (majority, one float64, err error) {
	began := time.Now()
	err = f()
	select {
	case <-time.After(closed):
	case <-ctx.Done():
		if err == nil {
			err = context.Cause(ctx)
		}
	}
	// Between is whole milliseconds: 0 is below one.
	return float64(max(a.majority.Between(began, time.Now()).Plain, 1)), float64(max(a.one.Between(began, time.Now()).Plain, 1)), err
}

// longest is the longest gap of all, whether the run arrived or not.
func (g gaps) longest() float64 { return slices.Max(slices.Concat(g.majority, g.one, g.failed)) }

// repeated is how many runs there were too many.
func (g gaps) repeated(suffix string) result {
	return beside("stepdown: runs that did not arrive and were repeated, against runs that did"+suffix, float64(len(g.failed)), float64(2*len(g.majority)), "runs")
}

// all is every figure, since five have no other spread than themselves.
func (g gaps) all(what string) string {
	text := fmt.Sprintf("  %s: w: majority %v ms, w: 1 %v ms", what, g.majority, g.one)
	if len(g.failed) > 0 {
		text += fmt.Sprintf("; in %d runs that did not arrive and were repeated %v ms", len(g.failed), g.failed)
	}
	return text + "\n"
}

// against holds the medians of ours against theirs. Without a target they are only stated.
func against(what, suffix string, target float64, ours, theirs gaps) []result {
	median := func(all []float64) float64 { return slices.Sorted(slices.Values(all))[len(all)/2] }
	var out []result
	for _, c := range []struct {
		concern      string
		ours, theirs []float64
	}{{"majority", ours.majority, theirs.majority}, {"1", ours.one, theirs.one}} {
		r := beside("stepdown: time without a write, w: "+c.concern+", against "+what+suffix, median(c.ours), median(c.theirs), "ms")
		r.Target = target
		out = append(out, r)
	}
	return out
}
