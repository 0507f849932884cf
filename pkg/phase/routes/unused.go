package routes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

const (
	patience = 30 * time.Second // for who is just leaving, or has a request in flight
	asks     = 5                // how often the bridge is asked whether it has counted our own requests, a second apart
	without  = "take spec.bridge.metrics out of the plan to go by the TTLs alone"
)

// unused is asked before new's Ingresses go. As long as they are there, whoever still comes to new's entry, by a resolver that
// keeps answers for longer than it may or by a connection of before, is led on to old through the bridge. Afterwards nobody would
// answer. The bridge counts a request when it has ended, so who holds one open for all of the window is not seen. Without
// bridge.metrics nobody is, and the TTLs that were waited for are all there is.
func unused(d Deps) phase.Step {
	u := &use{d: d, clients: parts.AllRequests(d.Inventory), window: time.Duration(d.Plan.Spec.Windows.Watch)}
	return phase.Step{
		ID: "prove:unused", Title: fmt.Sprintf("see that for %s nobody comes to new's entry any more", u.window),
		Limit: u.window + patience + time.Minute, Knob: "windows.watch",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			switch {
			case d.NewGone:
				return phase.Observation{State: phase.Done, Detail: "new is gone"}, nil
			case d.Plan.Spec.Bridge.Metrics == nil:
				return phase.Observation{State: phase.Done, Detail: "who comes through the bridge is not counted (no bridge.metrics)"}, nil
			}
			return u.look(ctx)
		},
	}
}

// use is what the bridge counts while one process looks.
type use struct {
	d       Deps
	clients []probe.Requests // what they ask for
	window  time.Duration

	begun, since time.Time          // when the first look was, and the first of those that saw nobody
	totals       map[string]float64 // by address
	came         float64
	anew         bool // a counter started again, or another pod's was read
}

func (u *use) look(ctx context.Context) (phase.Observation, error) {
	first := u.begun.IsZero()
	if first { // zero may mean that nobody came only where our own requests are seen
		if err := u.witness(ctx); err != nil {
			return phase.Observation{}, err
		}
	}
	now := time.Now()
	totals, err := u.read(ctx, u.clients)
	if err != nil {
		return phase.Observation{}, err
	}
	if first {
		u.begun, u.since, u.totals = now, now, totals
	}
	came, same := more(u.totals, totals)
	if !same || came > 0 {
		u.since, u.totals = now, totals
	}
	u.came, u.anew = u.came+came, u.anew || !same
	return u.judge(now), nil
}

// judge says what there was to see until now.
func (u *use) judge(now time.Time) phase.Observation {
	quiet := now.Sub(u.since)
	o := phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("nobody came for %s of %s", quiet.Round(time.Millisecond), u.window)}
	if quiet >= u.window && quiet > 0 {
		o.State = phase.Done
		return o
	}
	switch {
	case u.came > 0:
		o.Detail = fmt.Sprintf("%g requests came to new's entry within %s; nobody is lost while new's Ingresses stay, which they do until nobody came for %s: "+
			"find who comes (a monitor, a hosts file, a health check), or %s", u.came, now.Sub(u.begun).Round(time.Second), u.window, without)
	case u.anew:
		o.Detail = "what the bridge counts started again, or is now one pod's and now another's (name each in spec.bridge.metrics.addresses)"
	}
	if now.Sub(u.begun) >= u.window+patience {
		o.NotBefore = now.Add(u.window)
	}
	return o
}

// read sums what the bridge has sent to some Services. What it never sent anything to it does not show.
func (u *use) read(ctx context.Context, services []probe.Requests) (map[string]float64, error) {
	totals, bridge := map[string]float64{}, u.d.Plan.Spec.Bridge
	for _, url := range parts.MetricsURLs(bridge) {
		total, err := u.d.Total(ctx, url, bridge.Metrics.Kind, services)
		if err != nil && !errors.Is(err, probe.ErrNoCounter) {
			return nil, fault.Wrap(fault.Unsure, "correct spec.bridge.metrics, or "+without, fmt.Errorf("count who comes to new's entry, by the bridge: %w", err))
		}
		totals[url] = total
	}
	return totals, nil
}

// witness asks for a keeper host at new's entry and wants to see that counted: another controller's counters stay at zero too.
func (u *use) witness(ctx context.Context) error {
	echo := []probe.Requests{{Namespace: u.d.EchoNamespace(), Service: parts.EchoName, Ports: []string{"http", "80"}}}
	before, err := u.read(ctx, echo)
	if err != nil {
		return err
	}
	l := probe.Series{Targets: u.d.KeeperTargets(u.d.Plan.Spec.Namespaces[0]), Rate: u.d.Plan.Spec.Probe.Rate, Count: 1, Judge: func(_ probe.Target, a probe.Answer) error {
		if a.Via != u.d.Plan.Spec.Bridge.Marker {
			return errors.New("not answered through the bridge")
		}
		return nil
	}}.Run(ctx)
	if l.Good == 0 {
		return fault.New(fault.Unsure, "see to new's entry and the bridge, or "+without, "could not tell who comes to new's entry: it does not lead our own requests to the bridge (%s)", l)
	}
	for try := 1; ; try++ {
		now, err := u.read(ctx, echo)
		if err != nil {
			return err
		}
		if came, same := more(before, now); same && came >= float64(l.Good) {
			return nil
		}
		if try == asks {
			return fault.New(fault.Unsure, "let spec.bridge.metrics be the counters of every pod of the bridge (metrics.addresses), or "+without,
				"could not tell who comes to new's entry: the bridge answered %d requests of ours, and does not show that it counted them", l.Good)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
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
