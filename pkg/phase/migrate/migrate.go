// Package migrate describes the phase that moves one wave of workloads: what they need and the workloads themselves are
// brought up in new first; then, unit by unit, the route is swapped from the proxy to the local Service, hits are
// proved with real requests, late clients of old's entry are tailed, requests in flight end, and old is scaled to 0.
//
// From the swap to the end of its lane a unit is a watched stretch: if its local side loses its ready endpoints or turns
// bad, the lane goes back at once. On the way back old is up and ready first, then old's own Ingress leads to old again,
// and only then the route goes back to the proxy: in any other order a request could go in circles.
//
// It describes and never acts, and it must not ask what is left to do: the same steps come out in every job.
package migrate

import (
	"context"
	"fmt"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

// Prefix begins the name of every phase of this kind; the name of the wave follows.
const Prefix = "migrate/"

// wave is one phase: what it moves, and with what.
type wave struct {
	parts.Deps
	plan.Wave
}

// New describes the phase that moves w.
func New(d parts.Deps, w plan.Wave) phase.Phase {
	m := wave{d, w}
	return phase.Phase{Name: Prefix + w.Name, After: []string{"proxy", "routes"}, Access: m.access(), Steps: m.steps}
}

// unit is one lane: workloads, and the Ingresses that lead to them.
type unit struct {
	inventory.Unit
	name     string              // of its first workload; in step IDs
	services map[string][]string // namespace -> Services that select its workloads
}

func (m wave) steps(ctx context.Context, past phase.Past) ([]phase.Group, error) {
	if m.Plan.Spec.Tail == nil {
		return nil, fault.New(fault.Refused, "give spec.tail: an internal, non-TLS entry of new",
			"plan %s: moving without a tail, by waiting for zero traffic at old's entry, is not built", m.Plan.Metadata.Name)
	}
	var refs []plan.Ref
	for _, w := range m.Workloads {
		refs = append(refs, w.Ref)
	}
	needs, err := m.needs(ctx)
	if err != nil {
		return nil, err
	}
	groups := []phase.Group{
		{Name: "what the workloads need", Before: m.checks(needs), Lanes: m.copies(needs), Limit: 8},
	}
	bring, err := m.bring(ctx)
	if err != nil {
		return nil, err
	}
	groups = append(groups, phase.Group{Name: "the workloads in new", Lanes: bring, Limit: 4, Back: []phase.Step{m.rest()}})
	for i, level := range m.levels(refs) {
		g := phase.Group{Name: fmt.Sprintf("move %d", i+1), Limit: 2}
		for _, u := range level {
			g.Lanes = append(g.Lanes, m.move(u, past))
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// levels puts callers before callees; a unit comes with the latest of its workloads.
func (m wave) levels(refs []plan.Ref) [][]unit {
	at := map[plan.Ref]int{}
	levels := m.Inventory.Levels(refs)
	for i, level := range levels {
		for _, ref := range level {
			at[ref] = i
		}
	}
	out := make([][]unit, len(levels))
	for _, u := range m.Inventory.Units(refs) {
		latest := 0
		for _, ref := range u.Refs {
			latest = max(latest, at[ref])
		}
		out[latest] = append(out[latest], m.unit(u))
	}
	var full [][]unit
	for _, level := range out {
		if len(level) > 0 {
			full = append(full, level)
		}
	}
	return full
}

func (m wave) unit(u inventory.Unit) unit {
	out := unit{Unit: u, name: u.Refs[0].String(), services: map[string][]string{}}
	for _, ref := range u.Refs {
		out.services[ref.Namespace] = append(out.services[ref.Namespace], m.Inventory.ServicesOf(ref)...)
	}
	return out
}

// routes lists the routes that lead to the unit.
func (m wave) routes(u unit) []ingress.Route {
	var routes []ingress.Route
	seen := map[string]bool{}
	for _, ref := range u.Refs {
		for _, r := range m.Inventory.RoutesOf(ref) {
			key := r.Ingress.String() + " " + r.Host + " " + r.Path + " " + r.PathType
			if !seen[key] {
				seen[key] = true
				routes = append(routes, r)
			}
		}
	}
	return routes
}

// move is the lane of one unit: from the first swap on it is watched.
func (m wave) move(u unit, past phase.Past) phase.Lane {
	var lane phase.Lane
	if len(u.Ingresses) > 0 {
		baseline := m.baseline(u, past)
		lane = append(lane, baseline)
		for i, name := range u.Ingresses {
			s := m.swap(u, name)
			if i == 0 {
				s.Watch = m.watch(u)
			}
			lane = append(lane, s)
		}
		lane = append(lane, m.prove(u, past), m.observeWindow(u))
		for _, name := range u.Ingresses {
			lane = append(lane, m.tail(u, name))
		}
		lane = append(lane, m.proveTail(u))
	}
	lane = append(lane, m.drain(u))
	for _, ref := range u.Refs {
		lane = append(lane, m.retire(ref, past)...)
	}
	return lane
}

func (m wave) workload(ref plan.Ref) plan.Workload {
	for _, w := range m.Workloads {
		if w.Ref == ref {
			return w
		}
	}
	return plan.Workload{Ref: ref}
}
