package migrate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

// slack is what a latency may grow whatever the plan's factor says: below it a ratio measures the machine's mood.
const slack = 50 * time.Millisecond

// normalOf is what is journaled of a baseline; all that later jobs compare with.
type normalOf struct {
	Status   []int         `json:"status"`
	Location string        `json:"location,omitempty"`
	Type     string        `json:"type,omitempty"`
	Cookies  []string      `json:"cookies,omitempty"`
	Noise    []probe.Field `json:"noise,omitempty"`
	Median   time.Duration `json:"median"`
}

func (u unit) fact() string { return "migrate.baseline/" + u.name }

// baseline learns how every path answers by way of new's entry while it still leads to the proxy. It is asked once and
// for all: what comes after the swap is compared with it, by whichever job.
func (m wave) baseline(u unit, past phase.Past) phase.Step {
	within := parts.Routes(m.Plan)
	return phase.Step{
		ID: "baseline:" + u.name, Title: "learn how " + u.name + " answers before it moves",
		Limit: within.Limit + time.Minute, Knob: within.Name,
		Observe: func(ctx context.Context) (phase.Observation, error) {
			var known map[string]normalOf
			if ok, err := past.Fact(u.fact(), &known); err != nil || ok {
				return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("known for %d paths", len(known))}, err
			}
			targets := m.targets(u)
			if len(targets) == 0 {
				return phase.Observation{State: phase.Failed, Detail: "no path to ask: no evidence"}, nil
			}
			known = map[string]normalOf{}
			for _, t := range targets {
				n, err := probe.Baseline(ctx, t, 5)
				if err != nil {
					return phase.Observation{}, err
				}
				known[t.Label()] = normalOf{n.Statuses, n.Want.Location, n.Want.ContentType, n.Want.Cookies, n.Noise, n.Median}
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("learned %d paths", len(known)), Facts: map[string]any{u.fact(): known}}, nil
		},
	}
}

// targets are the unit's paths at new's entry.
func (m wave) targets(u unit) []probe.Target {
	var out []probe.Target
	for _, r := range m.routes(u) {
		out = append(out, m.RouteTargets(phase.New, r)...)
	}
	return out
}

// controls are the keeper hosts of the unit's namespaces: whatever moves, they answer by way of the bridge.
func (m wave) controls(u unit) []probe.Target {
	var out []probe.Target
	for ns := range u.services {
		out = append(out, m.KeeperTargets(ns)...)
	}
	return out
}

// known reads the baselines that this unit's targets are compared with.
func (m wave) known(u unit, past phase.Past) (map[string]probe.Normal, error) {
	var stored map[string]normalOf
	ok, err := past.Fact(u.fact(), &stored)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: the journal has no baseline of %s", probe.ErrNoEvidence, u.name)
	}
	out := map[string]probe.Normal{}
	for label, n := range stored {
		want := probe.Answer{Location: n.Location, ContentType: n.Type, Cookies: n.Cookies}
		if len(n.Status) > 0 {
			want.Status = n.Status[0]
		}
		// The certificate was compared by the phase routes and no swap touches it.
		out[label] = probe.Normal{Want: want, Statuses: n.Status, Noise: append(n.Noise, probe.FieldCertificate), Median: n.Median}
	}
	return out, nil
}

// judge says what is wrong with an answer: control probes must carry the marker, all others must not, and must answer as
// they did before.
func (m wave) verdict(controls map[string]bool, known map[string]probe.Normal, marked bool) func(probe.Target, probe.Answer) error {
	marker := m.Plan.Spec.Bridge.Marker
	return func(t probe.Target, a probe.Answer) error {
		if controls[t.Label()] {
			if a.Via != marker || a.Status != 200 {
				return fmt.Errorf("control: status %d and marker %q instead of 200 and %q", a.Status, a.Via, marker)
			}
			return nil
		}
		if (a.Via == marker) != marked {
			if marked {
				return fmt.Errorf("without the bridge's marker")
			}
			return fmt.Errorf("still by way of the bridge")
		}
		return asBefore(known, t, a)
	}
}

// asBefore wants a path to answer as it did before its routes were swapped, by whichever way.
func asBefore(known map[string]probe.Normal, t probe.Target, a probe.Answer) error {
	n, ok := known[t.Label()]
	if !ok {
		return fmt.Errorf("no baseline")
	}
	if diff := n.Differences(a); len(diff) > 0 {
		return fmt.Errorf("%v", diff)
	}
	return nil
}

// prove asks until every path answered N times in a row from new itself while the control was answered by the bridge.
func (m wave) prove(u unit, past phase.Past) phase.Step {
	within := parts.Routes(m.Plan).Plus(m.asking(u))
	return phase.Step{
		ID: "prove:" + u.name, Title: "prove with requests that new answers for " + u.name, Limit: within.Limit, Knob: within.Name,
		Observe: func(ctx context.Context) (phase.Observation, error) {
			known, err := m.known(u, past)
			if err != nil {
				return phase.Observation{}, err
			}
			l, err := m.ask(ctx, u, known, false)
			if err != nil {
				return phase.Observation{}, err
			}
			return m.proved(u, l, known), nil
		},
	}
}

// proved judges a series of prove.
func (m wave) proved(u unit, l *probe.Ledger, known map[string]probe.Normal) phase.Observation {
	facts := map[string]any{probe.FactPrefix + u.name: l}
	if l.Lost > *m.Plan.Spec.Probe.MaxLost {
		why := l.Check(*m.Plan.Spec.Probe.MaxLost, 1).Error()
		return phase.Observation{State: phase.Failed, Detail: why, Hints: []string{whyWrong(m.New.Env(), u)}, Facts: facts}
	}
	if l.Streak < m.Plan.Spec.Probe.Samples {
		o := phase.Observation{State: phase.Pending, Detail: l.String() + firstBad(l)}
		if m.byItself(l, u) {
			o.Hints = []string{whyWrong(m.New.Env(), u)}
		}
		return o
	}
	if slow := m.slower(l, known); slow != "" {
		// Asked again until the time is up: the first requests of new pods, or a busy minute, are no verdict.
		return phase.Observation{State: phase.Settling, Detail: slow, Hints: []string{whySlower(m.New.Env(), u)}}
	}
	return phase.Observation{State: phase.Done, Detail: l.String(), Facts: facts}
}

func firstBad(l *probe.Ledger) string {
	if len(l.Bad) == 0 {
		return ""
	}
	return "; first: " + l.Bad[0].Target + ": " + l.Bad[0].Error
}

// asking is how long a proof's samples take to send.
func (m wave) asking(u unit) time.Duration {
	n := len(m.targets(u)) + len(m.controls(u))
	return time.Duration(n*m.Plan.Spec.Probe.Samples/max(m.Plan.Spec.Probe.Rate, 1)+30) * time.Second
}

// ask runs one series over the unit's paths, with the controls in between, until all have answered well often enough.
func (m wave) ask(ctx context.Context, u unit, known map[string]probe.Normal, marked bool) (*probe.Ledger, error) {
	targets, controls := m.targets(u), map[string]bool{}
	if len(targets) == 0 {
		return nil, fmt.Errorf("%w: %s has no path to ask", probe.ErrNoEvidence, u.name)
	}
	for _, c := range m.controls(u) {
		controls[c.Label()] = true
		targets = append(targets, c)
	}
	if len(controls) == 0 {
		return nil, fmt.Errorf("%w: no keeper host to compare %s with", probe.ErrNoEvidence, u.name)
	}
	l := probe.Series{
		Targets: targets, Rate: m.Plan.Spec.Probe.Rate, Streak: m.Plan.Spec.Probe.Samples, For: m.asking(u),
		Judge: m.verdict(controls, known, marked),
	}.Run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return l, nil
}

// slower compares the median of each path with what it was before. The control probes that are sent in between answer
// fast whatever the path does, so they have no part in it.
func (m wave) slower(l *probe.Ledger, known map[string]probe.Normal) string {
	for _, t := range l.Targets {
		n, ok := known[t.Name]
		if !ok {
			continue
		}
		limit := max(time.Duration(m.Plan.Spec.Probe.Latency*float64(n.Median)), n.Median+slack)
		if t.P50 > limit {
			return fmt.Sprintf("%s: half of the answers took more than %s; it took %s before and may take %s",
				t.Name, t.P50.Round(time.Millisecond), n.Median.Round(time.Millisecond), limit.Round(time.Millisecond))
		}
	}
	return ""
}

// backOnBridge proves that the unit's paths (those of one Ingress, or of all) are answered by way of the bridge again: by
// old, not by a bridge that finds nobody there. An error of the server counts only where the path always gave that one.
func (m wave) backOnBridge(ctx context.Context, u unit, past phase.Past, frozen *networkingv1.Ingress) (phase.Observation, error) {
	var normal map[string]normalOf
	if _, err := past.Fact(u.fact(), &normal); err != nil {
		return phase.Observation{}, err
	}
	var targets []probe.Target
	for _, r := range m.routes(u) {
		if frozen == nil || r.Ingress == ingress.NameOf(frozen) {
			targets = append(targets, m.RouteTargets(phase.New, r)...)
		}
	}
	marker := m.Plan.Spec.Bridge.Marker
	l := probe.Series{Targets: targets, Rate: m.Plan.Spec.Probe.Rate, Streak: 10, For: 15 * time.Second, Judge: func(t probe.Target, a probe.Answer) error {
		if a.Via != marker {
			return errors.New("not by way of the bridge yet")
		}
		if a.Status >= http.StatusInternalServerError && !slices.Contains(normal[t.Label()].Status, a.Status) {
			return fmt.Errorf("by way of the bridge, and with status %d", a.Status)
		}
		return nil
	}}.Run(ctx)
	if ctx.Err() != nil {
		return phase.Observation{}, context.Cause(ctx)
	}
	if l.Streak < 10 {
		return phase.Observation{State: phase.Settling, Detail: "leads to the proxy, " + l.String() + firstBad(l)}, nil
	}
	return phase.Observation{State: phase.Done, Detail: strings.TrimSpace("answered by way of the bridge again, " + l.String())}, nil
}
