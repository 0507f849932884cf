// Package migrate describes the phase that moves one wave of workloads: what they need and the workloads themselves are
// brought up in new first; then, unit by unit, the route is swapped from the proxy to the local Service, hits are
// proved with real requests, late clients of old's entry are tailed, requests in flight end, and old is scaled to 0.
//
// From the swap to the end of its lane a unit is a watched stretch: if its local side loses its ready endpoints or turns
// bad, the lane goes back at once. On the way back old is up and ready first, then old's own Ingress leads to old again,
// and only then the route goes back to the proxy: in any other order a request could go in circles.
//
// Without a tail the lane ends with the watch window, and old goes on serving who still comes to its entry. It is scaled
// to 0 in groups of their own, when nobody has come for windows.residual, which is longer than a job.
//
// An exclusive workload with routes never runs twice: old goes off, new comes on, then the routes are swapped. Nobody
// answers in between, so the stretch begins before it.
//
// It describes and never acts, and it must not ask what is left to do: the same steps come out in every job.
package migrate

import (
	"context"
	"fmt"
	"slices"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
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
	given  map[plan.Ref]given // what committed manifests bring, by workload
	broken error              // what is wrong with them
}

// New describes the phase that moves w. What is wrong with committed manifests is an error of Steps.
func New(d parts.Deps, w plan.Wave) phase.Phase {
	m := wave{Deps: d, Wave: w}
	m.given, m.broken = committed(d.Plan, w)
	return phase.Phase{Name: Prefix + w.Name, After: []string{"proxy", "routes"}, Access: m.access(), Steps: m.steps}
}

// unit is one lane: workloads, and the Ingresses that lead to them.
type unit struct {
	inventory.Unit
	name     string              // of its first workload; in step IDs
	services map[string][]string // namespace -> Services that select its workloads
	exchange []plan.Ref          // exclusive workloads with routes: off in old and on in new before the routes are swapped
}

func (m wave) steps(ctx context.Context, past phase.Past) ([]phase.Group, error) {
	if m.broken != nil {
		return nil, m.broken
	}
	var refs []plan.Ref
	for _, w := range m.Workloads {
		refs = append(refs, w.Ref)
	}
	needs, err := m.needs(ctx)
	if err != nil {
		return nil, err
	}
	missing, err := m.missing(needs)
	if err != nil {
		return nil, err
	}
	bring, err := m.bring(ctx)
	if err != nil {
		return nil, err
	}
	levels := m.levels(refs)
	measured := m.measurable(levels)
	groups := []phase.Group{
		{
			Name: "what the workloads need", Before: slices.Concat(measured, m.checks(needs), missing, m.room(needs), m.grants(needs)),
			Lanes: append(m.copies(needs), m.apply()...), Limit: 8,
		},
		{Name: "the workloads in new", Before: measured, Lanes: bring, Limit: 4, Back: []phase.Step{m.rest()}},
	}
	if m.Plan.Spec.Tail == nil {
		return append(groups, m.waiting(levels, past)...), nil
	}
	return append(groups, leveled("move", levels, func(u unit) phase.Lane { return m.move(u, past) })...), nil
}

// leveled makes one group of lanes a level. A level of which nothing has a lane has no group.
func leveled(name string, levels [][]unit, lane func(unit) phase.Lane) []phase.Group {
	var groups []phase.Group
	for i, level := range levels {
		g := phase.Group{Name: fmt.Sprintf("%s %d", name, i+1), Limit: 2}
		for _, u := range level {
			if l := lane(u); len(l) > 0 {
				g.Lanes = append(g.Lanes, l)
			}
		}
		if len(g.Lanes) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
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
		if ref.Kind != kube.CronJob.Kind && inventory.Exclusive(m.workload(ref)) && len(m.Inventory.RoutesOf(ref)) > 0 {
			out.exchange = append(out.exchange, ref)
		}
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

func (m wave) workload(ref plan.Ref) plan.Workload {
	for _, w := range m.Workloads {
		if w.Ref == ref {
			return w
		}
	}
	return plan.Workload{Ref: ref}
}
