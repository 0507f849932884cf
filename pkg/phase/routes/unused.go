package routes

import (
	"context"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

// patience is for how long the gate goes on when somebody comes: who is just leaving, or has a request in flight, is soon gone.
const patience = 30 * time.Second

// unused is asked before new's Ingresses go. As long as they are there, whoever still comes to new's entry, by a resolver that
// keeps answers for longer than it may or by a connection of before, is led on to old through the bridge, which counts it.
// Afterwards nobody would answer. Without bridge.metrics that cannot be seen, and the TTLs that were waited for are all there is.
func unused(d Deps) phase.Step {
	window := time.Duration(d.Plan.Spec.Windows.Watch)
	u := &use{d: d, window: window}
	return phase.Step{
		ID: "prove:unused", Title: fmt.Sprintf("see that for %s nobody comes to new's entry any more", window),
		Limit: window + patience + time.Minute, Knob: "windows.watch", Observe: u.look,
	}
}

// use is what the bridge counts while one process looks.
type use struct {
	d      Deps
	window time.Duration

	begun, since time.Time
	totals       map[string]float64
	came         float64
}

func (u *use) look(ctx context.Context) (phase.Observation, error) {
	bridge := u.d.Plan.Spec.Bridge
	switch {
	case u.d.NewGone:
		return phase.Observation{State: phase.Done, Detail: "new is gone"}, nil
	case bridge.Metrics == nil:
		return phase.Observation{State: phase.Done, Detail: "who comes through the bridge is not counted (no bridge.metrics)"}, nil
	}
	now, totals, urls := time.Now(), map[string]float64{}, parts.MetricsURLs(bridge)
	if len(urls) == 0 {
		return phase.Observation{}, fmt.Errorf("count what comes through the bridge: it has no address: %w", probe.ErrNoCounter)
	}
	for _, url := range urls {
		total, err := u.d.Total(ctx, url, bridge.Metrics.Kind, parts.AllRequests(u.d.Inventory))
		if err != nil {
			return phase.Observation{}, fmt.Errorf("count what comes through the bridge: %w", err)
		}
		totals[url] = total
	}
	if u.begun.IsZero() {
		u.begun = now
	}
	came, same := more(u.totals, totals)
	if !same || came > 0 {
		u.since, u.totals = now, totals
	}
	return u.judge(now, came), nil
}

// judge says what there was to see until now: came is how many requests came since the last look.
func (u *use) judge(now time.Time, came float64) phase.Observation {
	u.came += came
	quiet := now.Sub(u.since).Round(time.Millisecond)
	switch {
	case quiet >= u.window && came == 0:
		return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("nobody came for %s", quiet)}
	case u.came == 0:
		return phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("nobody came for %s of %s", quiet, u.window)}
	}
	o := phase.Observation{State: phase.Settling, Detail: fmt.Sprintf(
		"%g requests came to new's entry within %s; new's Ingresses stay, and nobody is lost, until nobody comes for %s", u.came, now.Sub(u.begun).Round(time.Second), u.window,
	)}
	if now.Sub(u.begun) >= u.window+patience {
		o.NotBefore = now.Add(u.window)
	}
	return o
}

// more is how many requests were counted from one reading to the next. It is not the same that was counted if another address
// was read, or a counter has started again.
func more(before, now map[string]float64) (came float64, same bool) {
	if len(before) != len(now) {
		return 0, false
	}
	for url, n := range now {
		was, known := before[url]
		if !known || n < was {
			return 0, false
		}
		came += n - was
	}
	return came, true
}
