package cleanup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

// counter is one place where requests to Services of old are counted.
type counter struct {
	what     string // in words
	knob     string // what in the plan says where it is
	kind     string // "" = the plan does not say
	urls     []string
	services []probe.Requests
}

func (q *silence) bridge() counter {
	b := q.d.Plan.Spec.Bridge
	c := counter{what: "through the bridge", knob: "bridge.metrics", urls: parts.MetricsURLs(b), services: parts.AllRequests(q.d.Inventory)}
	if b.Metrics != nil {
		c.kind = b.Metrics.Kind
	}
	return c
}

// entry counts late clients too: those that the tail leads on to new.
func (q *silence) entry() counter {
	e := q.d.Plan.Spec.Entry
	c := counter{what: "to old's entry", knob: "entry.oldMetrics", urls: parts.OldMetricsURLs(e), services: parts.AllRequests(q.d.Inventory)}
	if e.OldMetrics != nil {
		c.kind = e.OldMetrics.Kind
	}
	if _, ok := parts.Tail(q.d.Plan); ok {
		for _, ns := range q.d.Plan.Spec.Namespaces {
			c.services = append(c.services, parts.TailRequests(ns))
		}
	}
	return c
}

// unmeasured says what only time can show.
func (q *silence) unmeasured() string {
	var all []string
	for _, c := range []counter{q.bridge(), q.entry()} {
		if c.kind == "" {
			all = append(all, fmt.Sprintf("what came %s was not measured (no %s)", c.what, c.knob))
		}
	}
	return strings.Join(all, ", and ")
}

// read sums, for each address, what its controller sent to the Services in scope and to the tail.
func (q *silence) read(ctx context.Context, counters ...counter) (reading, error) {
	now := reading{At: time.Now().UTC().Truncate(time.Second), Totals: map[string]float64{}}
	for _, c := range counters {
		if c.kind != "" && len(c.urls) == 0 {
			return reading{}, fmt.Errorf("count what came %s: it has no address: %w", c.what, probe.ErrNoCounter)
		}
		for _, url := range c.urls {
			total, err := q.d.Total(ctx, url, c.kind, c.services)
			if err != nil {
				return reading{}, fmt.Errorf("count what came %s: %w", c.what, err)
			}
			now.Totals[url] = total
		}
	}
	return now, nil
}

// unvisited is the gate of old's Ingresses: the window may be long past when they go.
func unvisited(d Deps, past phase.Past) phase.Step {
	q := &silence{d: d, past: past}
	return phase.Step{
		ID: "prove:unvisited", Title: "see that nobody has come to old's entry since then", Observe: func(ctx context.Context) (phase.Observation, error) {
			if going, err := past.Fact(goingFact, new(bool)); err != nil || going {
				return phase.Observation{State: phase.Done, Detail: "nobody had come when the first of them went"}, err
			}
			var first reading
			known, err := past.Fact(countFact, &first)
			if err != nil || !known {
				return phase.Observation{State: phase.Failed, Detail: "old's entry was never read"}, err
			}
			now, err := q.read(ctx, q.entry())
			if err != nil {
				return phase.Observation{}, err
			}
			if why := came(first, now); why != "" {
				return phase.Observation{State: phase.Failed, Detail: why + " since " + first.At.Format(time.RFC3339) +
					"; take Ingress out of spec.cleanup.delete, and delete old's Ingresses by hand when nobody comes any more"}, nil
			}
			return phase.Observation{State: phase.Done, Detail: "nobody since " + first.At.Format(time.RFC3339)}, nil
		},
	}
}
