package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

// tail leads the unit's routes of old's own Ingress to new's inner entry, so that clients who still come to old's entry
// are served. It is untailed before the route of new goes back to the proxy, or requests would go in circles.
func (m wave) tail(u unit, name ingress.Name) phase.Step {
	object := phase.Object{Env: phase.Old, Kind: "Ingress", Namespace: name.Namespace, Name: name.Name}
	touched := object
	touched.Field = "backends/" + u.name
	within := parts.Routes(m.Plan).Plus(30 * time.Second)
	s := phase.Step{
		ID: "tail:" + object.String() + "+" + u.name, Title: fmt.Sprintf("send late clients of %s in ingress %s of old on to new", u.name, name),
		Limit: within.Limit, Knob: within.Name, Touches: []phase.Object{touched},
	}
	entry, ok := m.Inventory.Ingress(name.Namespace, name.Name)
	if !ok {
		s.Observe = func(context.Context) (phase.Observation, error) {
			return phase.Observation{}, fmt.Errorf("ingress %s is not in the inventory", name)
		}
		return s
	}
	frozen := &entry.Object
	mine := u.behind(frozen)
	s.Intent = map[string]any{"ingress": name.String(), "tailed": mine}
	s.Observe = func(ctx context.Context) (phase.Observation, error) { return m.tailed(ctx, entry, mine) }
	m.inOld().writes(&s, frozen, mine)
	s.Reverted = func(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
		return m.untailed(ctx, u, frozen, mine, was)
	}
	return s
}

// tailedNow says which Services of old's Ingress are sent on in live.
func tailedNow(frozen, live *networkingv1.Ingress) map[string]bool {
	sent := map[string]bool{}
	at := map[string]string{}
	for _, r := range ingress.Routes(live) {
		at[r.Host+" "+r.Path+" "+r.PathType] = r.Service
	}
	for _, r := range ingress.Routes(frozen) {
		if at[r.Host+" "+r.Path+" "+r.PathType] == ingress.TailService {
			sent[r.Service] = true
		}
	}
	return sent
}

// drifted says what somebody else changed in old's Ingress since it was frozen, "" if it has no say in what is answered.
func drifted(frozen *inventory.Ingress, live *networkingv1.Ingress) string {
	var out []string
	for _, c := range inventory.CompareIngress(frozen, live) {
		out = append(out, c.Detail)
	}
	return strings.Join(out, "; ")
}

func (m wave) tailed(ctx context.Context, entry *inventory.Ingress, mine []string) (phase.Observation, error) {
	frozen := &entry.Object
	live, _, err := liveIngress(ctx, m.Old, ingress.NameOf(frozen))
	if err != nil {
		return phase.Observation{}, err
	}
	if what := drifted(entry, live); what != "" {
		return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf("ingress %s in old was changed since it was frozen (%s); cutover adopt takes the change in", ingress.NameOf(frozen), what)}, nil
	}
	now := leads{mine, tailedNow(frozen, live)}
	want := ingress.Tailed(ingress.Untailed(live, frozen), now.with())
	if now.all() && routing(live, want) == "" {
		return phase.Observation{State: phase.Done, Detail: "sent on to new"}, nil
	}
	was, err := json.Marshal(swapWas{now.already()})
	return phase.Observation{State: phase.Pending, Detail: "leads to old", Diff: routing(live, want), Was: was}, err
}

func (m wave) untailed(ctx context.Context, u unit, frozen *networkingv1.Ingress, mine []string, was json.RawMessage) (phase.Observation, error) {
	before, err := decodeWas(was)
	if err != nil {
		return phase.Observation{}, err
	}
	live, _, err := liveIngress(ctx, m.Old, ingress.NameOf(frozen))
	if err != nil {
		return phase.Observation{}, err
	}
	now := leads{mine, tailedNow(frozen, live)}
	if diff := routing(live, ingress.Tailed(ingress.Untailed(live, frozen), now.without(before))); diff != "" {
		return phase.Observation{State: phase.Pending, Detail: "old's entry still sends on to new", Diff: diff}, nil
	}
	if m.Plan.Spec.Tail.Marker == "" {
		return m.timed(ctx, "leads to old again")
	}
	l := m.atOldEntry(ctx, u, frozen, 10, func(a probe.Answer) bool {
		return a.Via != m.Plan.Spec.Tail.Marker && (a.Status < 500 || len(u.exchange) > 0) // what never runs twice is still off in old
	})
	return tailVerdict(ctx, l, 10, "answered by old again")
}

// timed is the evidence that is left where nothing marks an answer: the time in which a controller obeys.
func (m wave) timed(ctx context.Context, what string) (phase.Observation, error) {
	d := min(parts.Routes(m.Plan).Limit, 10*time.Second)
	select {
	case <-ctx.Done():
		return phase.Observation{}, context.Cause(ctx)
	case <-time.After(d):
		return phase.Observation{State: phase.Done, Detail: what + ", timed: " + d.String() + " (spec.tail.marker would prove it)"}, nil
	}
}

// proveTail shows that old's entry hands the unit's paths to new's inner entry, by the marker that this one adds.
func (m wave) proveTail(u unit) phase.Step {
	within := parts.Routes(m.Plan).Plus(m.asking(u))
	return phase.Step{
		ID: "tailed:" + u.name, Title: "prove that late clients of " + u.name + " reach new", Limit: within.Limit, Knob: within.Name,
		Observe: func(ctx context.Context) (phase.Observation, error) {
			marker := m.Plan.Spec.Tail.Marker
			if marker == "" {
				return m.timed(ctx, "sent on to new")
			}
			l := m.atOldEntry(ctx, u, nil, m.Plan.Spec.Probe.Samples, func(a probe.Answer) bool { return a.Via == marker && a.Status < 500 })
			o, err := tailVerdict(ctx, l, m.Plan.Spec.Probe.Samples, "answered by new through its inner entry")
			switch {
			case err == nil && o.State == phase.Settling: // they were asked for long enough
				o.State = phase.Pending
			case err == nil && o.State == phase.Done:
				o.Facts = map[string]any{probe.FactPrefix + "tail " + u.name: l}
			}
			return o, err
		},
	}
}

func tailVerdict(ctx context.Context, l *probe.Ledger, streak int, what string) (phase.Observation, error) {
	if ctx.Err() != nil {
		return phase.Observation{}, context.Cause(ctx)
	}
	if l.Sent == 0 {
		return phase.Observation{State: phase.Failed, Detail: "no path to ask: no evidence"}, nil
	}
	if l.Streak < streak {
		return phase.Observation{State: phase.Settling, Detail: "not yet " + what + ", " + l.String() + firstBad(l)}, nil
	}
	return phase.Observation{State: phase.Done, Detail: strings.TrimSpace(what + ", " + l.String())}, nil
}

// atOldEntry asks the unit's paths (those of one Ingress, or of all) at old's public entry.
func (m wave) atOldEntry(ctx context.Context, u unit, of *networkingv1.Ingress, streak int, right func(probe.Answer) bool) *probe.Ledger {
	var targets []probe.Target
	for _, r := range m.routes(u) {
		if of == nil || r.Ingress == ingress.NameOf(of) {
			targets = append(targets, m.RouteTargets(phase.Old, r)...)
		}
	}
	return probe.Series{Targets: targets, Rate: m.Plan.Spec.Probe.Rate, Streak: streak, For: m.asking(u), Judge: func(_ probe.Target, a probe.Answer) error {
		if !right(a) {
			return fmt.Errorf("marker %q, status %d", a.Via, a.Status)
		}
		return nil
	}}.Run(ctx)
}
