package migrate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

const look = 300 * time.Millisecond

// watch guards the unit from its first swap to the end of its lane: it fails as soon as a Service that takes traffic has
// no ready endpoint in new (Traefik then answers 404, Envoy 503), or its answers turn bad.
func (m wave) watch(u unit, past phase.Past) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(look)
		defer tick.Stop()
		ended, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			m.patrol(ended, u, past, cancel)
		}()
		defer func() { cancel(nil); <-asked }()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ended.Done():
				if ctx.Err() != nil {
					return nil
				}
				return context.Cause(ended)
			case <-tick.C:
			}
			if err := m.staffed(ctx, u); err != nil {
				return m.wrong(u, err)
			}
		}
	}
}

// wrong adds to an error of the watch where to look for its cause.
func (m wave) wrong(u unit, err error) error {
	return fault.Wrap(fault.Broken, whyWrong(m.New.Env(), u), err)
}

// staffed asks whether every Service of the unit that has routes has a ready endpoint in new. Could-not-tell is no
// reason to go back: it says nothing about the workload, and the requests of patrol still do.
func (m wave) staffed(ctx context.Context, u unit) error {
	for _, name := range m.routed(u) {
		n, err := endpoints(ctx, m.New, name.Namespace, name.Name)
		if err == nil && n == 0 {
			return fmt.Errorf("service %s lost its ready endpoints in new", name)
		}
	}
	return nil
}

// patrol asks slowly, and ends the watch when more went wrong than the plan allows: two bad answers of one path in a row
// at least, since one alone may be the controller in the moment of its swap. Where nobody answered before the swap, a
// path counts from its first good answer on; that there is one is for prove to say.
func (m wave) patrol(ctx context.Context, u unit, past phase.Past, end context.CancelCauseFunc) {
	targets := m.targets(u)
	if len(targets) == 0 {
		return
	}
	known, err := m.known(u, past)
	if err != nil {
		end(err)
		return
	}
	judge := func(t probe.Target, a probe.Answer) error { return asBefore(known, t, a) }
	bad, answered := map[string]int{}, map[string]bool{}
	s := probe.Series{Targets: targets, Rate: max(m.Plan.Spec.Probe.Rate/5, 2), Judge: judge, On: func(t probe.Target, a probe.Answer, err error) {
		if err == nil {
			bad[t.Label()], answered[t.Label()] = 0, true
			return
		}
		if a.Class == probe.Stopped || len(u.exchange) > 0 && !answered[t.Label()] {
			return
		}
		if bad[t.Label()]++; bad[t.Label()] >= 2 {
			end(m.wrong(u, fmt.Errorf("%s answered badly twice in a row: status %d %s %v", t.Label(), a.Status, a.Class, err)))
		}
	}}
	s.Run(ctx)
}

// observeWindow looks on for windows.watch after the proof: new itself goes on answering as was answered before.
func (m wave) observeWindow(u unit, past phase.Past) phase.Step {
	d := time.Duration(m.Plan.Spec.Windows.Watch)
	return phase.Step{
		ID: "watch:" + u.name, Title: "watch " + u.name + " in new", Limit: 2*d + time.Minute, Knob: "windows.watch",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			known, err := m.known(u, past)
			if err != nil {
				return phase.Observation{}, err
			}
			l := probe.Series{Targets: m.targets(u), Rate: m.Plan.Spec.Probe.Rate, For: d, Judge: m.verdict(nil, known, false)}.Run(ctx)
			if ctx.Err() != nil {
				return phase.Observation{}, context.Cause(ctx)
			}
			facts := map[string]any{probe.FactPrefix + "watch " + u.name: l}
			if err := l.Check(*m.Plan.Spec.Probe.MaxLost, float64(*m.Plan.Spec.Probe.MaxErrorRate)); err != nil {
				return phase.Observation{State: phase.Failed, Detail: err.Error(), Hints: []string{whyWrong(m.New.Env(), u)}, Facts: facts}, nil
			}
			return phase.Observation{State: phase.Done, Detail: l.String(), Facts: facts}, nil
		},
	}
}

// drain waits until requests in flight to old have ended: the bridge's own count of the unit's Services must stay flat for
// windows.drain; without counters that time just runs out, and the detail says so. Old's public entry is not counted,
// so the time runs in any case.
func (m wave) drain(u unit) phase.Step {
	d := time.Duration(m.Plan.Spec.Windows.Drain)
	var flat flatness
	return phase.Step{
		ID: "drain:" + u.name, Title: "let requests in flight to " + u.name + " in old end", Limit: 10*d + time.Minute, Knob: "windows.drain",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			total, counted, err := m.count(ctx, u)
			if err != nil {
				return phase.Observation{}, err
			}
			for_, done := flat.since(total, d)
			how := "timed, old's bridge shows no counters"
			switch {
			case counted:
				how = fmt.Sprintf("the bridge's count stays at %g", total)
			case len(m.routed(u)) == 0:
				how = "timed, no route leads to it"
			}
			if !done {
				return phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("%s for %s of %s", how, for_.Round(time.Second), d)}, nil
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%s for %s", how, d)}, nil
		},
	}
}

// flatness remembers since when a number has not changed.
type flatness struct {
	value float64
	at    time.Time
}

func (f *flatness) since(value float64, enough time.Duration) (time.Duration, bool) {
	if f.at.IsZero() || value != f.value {
		f.value, f.at = value, time.Now()
	}
	lasted := time.Since(f.at)
	return lasted, lasted >= enough
}

// count sums the bridge's requests to the unit's Services in old.
func (m wave) count(ctx context.Context, u unit) (total float64, counted bool, err error) {
	urls, names := parts.MetricsURLs(m.Plan.Spec.Bridge), m.routed(u)
	if len(urls) == 0 || len(names) == 0 {
		return 0, false, nil
	}
	asked, err := m.requests(names)
	if err != nil {
		return 0, false, err
	}
	for _, url := range urls {
		n, err := m.Total(ctx, url, m.Plan.Spec.Bridge.Metrics.Kind, asked)
		if err != nil {
			return 0, false, err
		}
		total += n
	}
	return total, true, nil
}

// requests is how a controller may call each of some Services, in their order.
func (m wave) requests(names []ingress.Name) ([]probe.Requests, error) {
	asked := make([]probe.Requests, len(names))
	for i, name := range names {
		s, ok := m.Inventory.Service(name)
		if !ok {
			return nil, fmt.Errorf("service %s is not in the inventory", name)
		}
		asked[i] = parts.Requests(*s)
	}
	return asked, nil
}

// routed are the unit's Services that an Ingress leads to, each one once.
func (m wave) routed(u unit) []ingress.Name {
	var names []ingress.Name
	for _, r := range m.routes(u) {
		if name := (ingress.Name{Namespace: r.Ingress.Namespace, Name: r.Service}); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
