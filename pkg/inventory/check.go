package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/plan"
)

// Accepted is the value of callers and callees in the plan by which a person takes the consequence.
const Accepted = plan.Accepted

// Check says all that a plan cannot move, at once: nil, or an error with code fault.Refused that joins one error for
// each, worded "reason; way out: …". It looks at nothing but its arguments, so it can be asked before anything is
// written and again before every phase.
func Check(p *plan.Plan, inv *Inventory) error {
	c := &check{p: p, inv: inv, wave: map[plan.Ref]int{}, planned: map[plan.Ref]plan.Workload{}}
	for i, wave := range p.Spec.Waves {
		for _, w := range wave.Workloads {
			c.wave[w.Ref], c.planned[w.Ref] = i, w
		}
	}
	for _, part := range []func(){c.scope, c.waves, c.workloads, c.services, c.ingresses, c.hosts, c.units, c.calls} {
		part()
	}
	return fault.Wrap(fault.Refused, "nothing was written; put right what is named and plan again", errors.Join(c.found...))
}

// Warnings says what a person should know although it can be moved: one line each, with the name of the Ingress.
func Warnings(p *plan.Plan, inv *Inventory) []string {
	var out []string
	for i := range inv.Ingresses {
		ing := &inv.Ingresses[i]
		_, crossing := ingress.Crossing(&ing.Object, inv.Target(ing.Name(), p.Spec.Entry.New.IngressClass))
		for _, line := range append(ingress.Warnings(&ing.Object), crossing...) {
			out = append(out, fmt.Sprintf("ingress %s: %s", ing.Name(), line))
		}
	}
	return append(out, prefixes(p, inv)...)
}

// check is one call of Check.
type check struct {
	p       *plan.Plan
	inv     *Inventory
	wave    map[plan.Ref]int
	planned map[plan.Ref]plan.Workload
	found   []error
}

func (c *check) no(format string, args ...any) {
	c.found = append(c.found, fmt.Errorf(format, args...))
}

func (c *check) waveName(ref plan.Ref) string { return c.p.Spec.Waves[c.wave[ref]].Name }

// live says whether cutover itself makes the copy of a workload. Where somebody else does (existing, or manifests), what
// cannot be copied is theirs to provide.
func (c *check) live(ref plan.Ref) bool {
	return c.planned[ref].Live()
}

// scope: no evidence is a no.
func (c *check) scope() {
	for _, ns := range c.p.Spec.Namespaces {
		here := func(other string) bool { return other == ns }
		if !slices.Contains(c.inv.Namespaces, ns) {
			c.no("namespace %s is not in the inventory; way out: adopt it, or take it out of spec.namespaces", ns)
		} else if !slices.ContainsFunc(c.inv.Workloads, func(w Workload) bool { return here(w.Ref.Namespace) }) &&
			!slices.ContainsFunc(c.inv.Ingresses, func(i Ingress) bool { return here(i.Object.Namespace) }) {
			c.no("namespace %s has neither workloads nor Ingresses in old; way out: correct its name, or take it out of spec.namespaces", ns)
		}
	}
	for _, u := range c.inv.Unmovable {
		c.no("%s runs and belongs to no workload that can be copied: %s; way out: let it end, delete it, or make it a Deployment", u.Ref, u.Why)
	}
}

func (c *check) waves() {
	for _, w := range c.inv.Workloads {
		if _, in := c.wave[w.Ref]; !in {
			c.no("workload %s is in no wave; way out: put it in one, or take it out of old", w.Ref)
		}
	}
	for _, wave := range c.p.Spec.Waves {
		for _, w := range wave.Workloads {
			if _, there := c.inv.Workload(w.Ref); !there {
				c.no("wave %s names %s, which is not in old; way out: correct its name, or take it out of the wave", wave.Name, w.Ref)
			}
		}
	}
}

func (c *check) workloads() {
	for _, w := range c.inv.Workloads {
		if _, in := c.wave[w.Ref]; !in {
			continue
		}
		if w.Keeper != "" {
			c.no("workload %s is kept as it is by %s, which would scale it up again in old; way out: suspend that for the time of the move "+
				"and say so by the annotation %s=paused on the object", w.Ref, w.Keeper, Paused)
		}
		if strings.HasPrefix(w.Scaler, carry.ScaledObject.Kind+"/") {
			c.no("workload %s is scaled by KEDA (%s), which would scale it up again in old and is not copied to new; way out: pause it "+
				"(annotation autoscaling.keda.sh/paused) for the time of the move, and apply it in new by hand", w.Ref, w.Scaler)
		}
		if !c.live(w.Ref) {
			continue
		}
		if len(w.Claims) > 0 {
			c.no("workload %s has volumes that outlive its pods (%s), and their data is not copied; way out: move the data by other means "+
				"and let the plan say source: existing", w.Ref, strings.Join(w.Claims, ", "))
		}
		if len(w.HostPaths) > 0 && w.Ref.Kind != kube.DaemonSet.Kind {
			c.no("workload %s uses folders of its node (%s), which are others in new; way out: use another volume, or let the plan say "+
				"source: existing", w.Ref, strings.Join(w.HostPaths, ", "))
		}
	}
}

func (c *check) calls() {
	for _, call := range c.inv.Calls {
		from, moves := c.wave[call.From]
		if !moves {
			continue // said already: it is in no wave
		}
		accepted := c.planned[call.From].Callees == Accepted
		targets := c.inv.WorkloadsOf(c.inv.at().real(call.To))
		switch {
		case accepted && (call.Outside || len(targets) == 0):
		case call.Outside:
			c.no("workload %s calls %s (%s), whose namespace does not move; way out: see that it answers under that name in new, "+
				"then let the plan say callees: accepted", call.From, call.To, call.Where)
		case len(targets) == 0:
			c.no("workload %s calls service %s (%s), behind which is no workload that moves; way out: make the same Service in new, "+
				"then let the plan say callees: accepted", call.From, call.To, call.Where)
		}
		for _, to := range targets {
			later, moves := c.wave[to]
			switch {
			case to == call.From || !moves:
			case from == later:
				if !accepted && to.Kind != kube.CronJob.Kind && Exclusive(c.planned[to]) {
					c.no("workload %s calls %s (%s), which moves in the same wave and never runs twice: nobody answers while it is off in old and "+
						"not yet on in new; way out: put it in a wave of its own before, with callers: accepted, or let the plan say "+
						"callees: accepted for the first", call.From, to, call.Where)
				}
			case from < later && !accepted:
				c.no("workload %s moves in wave %s and calls %s (%s), which is in new only from wave %s on; way out: put both in one wave, "+
					"or let the plan say callees: accepted for the first", call.From, c.waveName(call.From), to, call.Where, c.waveName(to))
			case from > later && c.planned[to].Callers != Accepted:
				c.no("workload %s moves in wave %s, and %s (%s), which calls it, stays in old until wave %s; way out: put both in one wave, "+
					"or let the plan say callers: accepted for the first", to, c.waveName(to), call.From, call.Where, c.waveName(call.From))
			}
		}
	}
}
