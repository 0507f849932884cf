package cleanup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// Facts of this phase.
const (
	countFact = "cleanup.count" // the first reading
	quietFact = "cleanup.quiet" // the window has passed
	goingFact = "cleanup.going" // old's Ingresses have begun to go, and their counters with them
)

// reading is what the controllers had counted at one moment, by address. Where nothing counts only the moment does.
type reading struct {
	At     time.Time          `json:"at"`
	Totals map[string]float64 `json:"totals,omitempty"`
}

// quiet is a lane of two proofs, because the window is longer than a job: the first one writes a reading down, the
// second compares with it. If something came in between, the next run begins with a new reading.
func quiet(d Deps, past phase.Past) phase.Lane {
	window := parts.Residual(d.Plan)
	q := &silence{d: d, past: past, window: window.Limit}
	return phase.Lane{
		{
			ID: "count:bridge", Title: "read what the bridge and old's entry have answered so far", Limit: time.Minute, Knob: window.Name,
			Intent: map[string]any{"window": window.Limit.String()}, Observe: q.count,
		},
		{
			ID: "prove:quiet", Title: fmt.Sprintf("see that nothing came through the bridge or to old's entry for %s", window.Limit),
			Limit: window.Limit + time.Minute, Knob: window.Name,
			Intent: map[string]any{"window": window.Limit.String()}, Observe: q.prove,
		},
	}
}

// silence reads and compares.
type silence struct {
	d      Deps
	past   phase.Past
	window time.Duration
}

func (q *silence) count(ctx context.Context) (phase.Observation, error) {
	var before reading
	known, err := q.past.Fact(countFact, &before)
	if err != nil {
		return phase.Observation{}, fmt.Errorf("read fact %s: %w", countFact, err)
	}
	if over, _ := q.past.Fact(quietFact, new(time.Time)); over && known {
		return phase.Observation{State: phase.Done, Detail: "was read at " + before.At.Format(time.RFC3339), Facts: map[string]any{countFact: before}}, nil
	}
	// Traefik shows the counters of a Service that it leads to no more once again, and then drops them: that is no restart.
	if _, err := q.read(ctx, q.bridge(), q.entry()); err != nil {
		return phase.Observation{}, err
	}
	now, err := q.read(ctx, q.bridge(), q.entry())
	if err != nil {
		return phase.Observation{}, err
	}
	if known && differs(before, now) == "" {
		now = before
	}
	detail := fmt.Sprintf("%d counters, read at %s", len(now.Totals), now.At.Format(time.RFC3339))
	if why := q.unmeasured(); why != "" {
		detail += "; " + why
	}
	return phase.Observation{State: phase.Done, Detail: detail, Facts: map[string]any{countFact: now}}, nil
}

func (q *silence) prove(ctx context.Context) (phase.Observation, error) {
	var at time.Time
	over, err := q.past.Fact(quietFact, &at)
	if err != nil {
		return phase.Observation{}, fmt.Errorf("read fact %s: %w", quietFact, err)
	}
	if over { // the bridge may be gone by now
		return phase.Observation{State: phase.Done, Detail: "was quiet until " + at.Format(time.RFC3339), Facts: map[string]any{quietFact: at}}, nil
	}
	var first reading
	known, err := q.past.Fact(countFact, &first)
	if err != nil {
		return phase.Observation{}, fmt.Errorf("read fact %s: %w", countFact, err)
	}
	if !known {
		return phase.Observation{State: phase.Settling, Detail: "there is no first reading yet"}, nil
	}
	now, err := q.read(ctx, q.bridge(), q.entry())
	if err != nil {
		return phase.Observation{}, err
	}
	return q.judge(first, now), nil
}

func (q *silence) judge(first, now reading) phase.Observation {
	if why := differs(first, now); why != "" {
		return phase.Observation{State: phase.Failed, Detail: why + " since " + first.At.Format(time.RFC3339) + "; the next run begins the window again"}
	}
	if o, runs := parts.StillRuns("nothing came", first.At, q.window, now.At); runs {
		return o
	}
	detail := fmt.Sprintf("%d counters stood still for %s", len(now.Totals), q.window)
	if why := q.unmeasured(); why != "" {
		detail += "; " + why
	}
	return phase.Observation{State: phase.Done, Detail: detail, Facts: map[string]any{quietFact: now.At}}
}

// differs says why the window is not to go on from the first reading, "" if it is.
func differs(first, now reading) string {
	if len(now.Totals) < len(first.Totals) {
		return "not all counters were read again"
	}
	return came(first, now)
}

// came says what came between two readings at the addresses of the second one, "" for nothing.
func came(first, now reading) string {
	for _, url := range slices.Sorted(maps.Keys(now.Totals)) {
		value := now.Totals[url]
		was, known := first.Totals[url]
		switch {
		case !known:
			return "the counters at " + url + " were not read before"
		case value < was:
			return "the counters at " + url + " started again, so nobody knows what came"
		case value > was:
			return fmt.Sprintf("%g requests came, counted at %s", value-was, url)
		}
	}
	return ""
}
