package cleanup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

// movedProof: every route of the inventory is served by new itself, and nothing else in new leads to the proxy.
func movedProof(d Deps) phase.Step {
	return phase.Step{
		ID: "prove:moved", Title: "see that no route leads to the proxy any more",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			left, err := proxied(ctx, d)
			switch {
			case err != nil:
				return phase.Observation{}, err
			case len(left) > 0:
				return phase.Observation{State: phase.Failed, Detail: "not everything has moved: " + strings.Join(left, ", ")}, nil
			case len(d.Inventory.Ingresses) == 0:
				return phase.Observation{State: phase.Failed, Detail: "the inventory has no Ingress, so nothing shows that anything has moved"}, nil
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d Ingresses lead to new's own Services", len(d.Inventory.Ingresses))}, nil
		},
	}
}

// proxied lists what is still answered by old.
func proxied(ctx context.Context, d Deps) (left []string, err error) {
	for i := range d.Inventory.Ingresses {
		old := &d.Inventory.Ingresses[i].Object
		u, err := d.New.Get(ctx, kube.Ingress, old.Namespace, old.Name)
		if apierrors.IsNotFound(err) {
			left = append(left, ingress.NameOf(old).String()+" is not in new")
			continue
		}
		if err != nil {
			return nil, err
		}
		live, err := kube.As[networkingv1.Ingress](u)
		if err != nil {
			return nil, err
		}
		moved := ingress.Moved(old, live)
		for _, service := range ingress.Services(old) {
			if !moved[service] {
				left = append(left, "Service "+service+" of Ingress "+ingress.NameOf(old).String())
			}
		}
	}
	for _, ns := range d.Plan.Spec.Namespaces {
		list, err := d.New.List(ctx, kube.Ingress, ns)
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			live, err := kube.As[networkingv1.Ingress](u)
			if err != nil {
				return nil, err
			}
			if live.Name != ingress.KeeperIngress && slices.Contains(ingress.Services(live), ingress.ProxyService) {
				left = append(left, "Ingress "+ns+"/"+live.Name+" leads to the proxy")
			}
		}
	}
	return left, nil
}

// Facts of this phase.
const (
	countFact = "cleanup.count" // the first reading
	quietFact = "cleanup.quiet" // the window has passed
)

// reading is what the bridge had answered at one moment, by address. Without metrics only the moment counts.
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
			ID: "count:bridge", Title: "read what the bridge has answered so far", Limit: time.Minute, Knob: window.Name,
			Intent: map[string]any{"window": window.Limit.String()}, Observe: q.count,
		},
		{
			ID: "prove:quiet", Title: fmt.Sprintf("see that nothing came through the bridge for %s", window.Limit),
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

// longest is how much of the window is waited for in the process itself.
const longest = 2 * time.Minute

func (q *silence) count(ctx context.Context) (phase.Observation, error) {
	var before reading
	known, err := q.past.Fact(countFact, &before)
	if err != nil {
		return phase.Observation{}, fmt.Errorf("read fact %s: %w", countFact, err)
	}
	if over, _ := q.past.Fact(quietFact, new(time.Time)); over && known {
		return phase.Observation{State: phase.Done, Detail: "was read at " + before.At.Format(time.RFC3339), Facts: map[string]any{countFact: before}}, nil
	}
	now, err := q.read(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	if known && came(before, now) == "" {
		now = before
	}
	detail := "nothing is counted (no bridge.metrics): only time can show it"
	if len(now.Totals) > 0 {
		detail = fmt.Sprintf("%d counters, read at %s", len(now.Totals), now.At.Format(time.RFC3339))
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
	now, err := q.read(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	return q.judge(first, now), nil
}

func (q *silence) judge(first, now reading) phase.Observation {
	if why := came(first, now); why != "" {
		return phase.Observation{State: phase.Failed, Detail: why + " since " + first.At.Format(time.RFC3339) + "; the next run begins the window again"}
	}
	end := first.At.Add(q.window)
	if left := end.Sub(now.At); left > 0 {
		o := phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("nothing came since %s, %s are left", first.At.Format(time.RFC3339), left.Round(time.Second))}
		if left > longest {
			o.NotBefore = end
		}
		return o
	}
	detail := fmt.Sprintf("the bridge answered nothing for %s", q.window)
	if len(now.Totals) == 0 {
		detail = fmt.Sprintf("%s have passed; whether anything came through the bridge was not measured (no bridge.metrics)", q.window)
	}
	return phase.Observation{State: phase.Done, Detail: detail, Facts: map[string]any{quietFact: now.At}}
}

// came says what came through the bridge between two readings, "" for nothing.
func came(first, now reading) string {
	for addr, value := range now.Totals {
		was, known := first.Totals[addr]
		switch {
		case !known:
			return "the counters at " + addr + " were not read before"
		case value < was:
			return "the counters at " + addr + " started again, so nobody knows what came"
		case value > was:
			return fmt.Sprintf("%g requests came through the bridge at %s", value-was, addr)
		}
	}
	if len(now.Totals) < len(first.Totals) {
		return "not all counters were read again"
	}
	return ""
}

// read sums, for each address of the bridge, what it sent to the Services in scope.
func (q *silence) read(ctx context.Context) (reading, error) {
	now := reading{At: time.Now().UTC().Truncate(time.Second)}
	metrics := q.d.Plan.Spec.Bridge.Metrics
	if metrics == nil {
		return now, nil
	}
	now.Totals = map[string]float64{}
	for _, url := range parts.MetricsURLs(q.d.Plan.Spec.Bridge) {
		total, err := parts.Total(ctx, url, metrics.Kind, q.d.Inventory)
		if err != nil {
			return reading{}, err
		}
		now.Totals[url] = total
	}
	if len(now.Totals) == 0 {
		return reading{}, fmt.Errorf("read counters of the bridge: it has no address: %w", probe.ErrNoCounter)
	}
	return now, nil
}
