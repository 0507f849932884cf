package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/report"
)

const (
	collecting    = 10 * time.Second // how long looking around after a failure may take in all
	mostExplained = 3                // steps, of those that failed; what one lacks the next often lacks too
)

// toExplain is what looking around after a failure takes besides what the phases take anyway.
func toExplain(p *plan.Plan) []phase.Access {
	var all []phase.Access
	for _, env := range []string{phase.Old, phase.New} {
		namespaces := p.Spec.Namespaces
		if echo := (parts.Deps{Plan: p}).EchoNamespace(); env == phase.Old && !slices.Contains(namespaces, echo) {
			namespaces = append(slices.Clone(namespaces), echo)
		}
		for _, ns := range namespaces {
			for _, k := range []kube.Kind{kube.Pod, kube.Event} {
				all = append(all, parts.Access(env, ns, k, nil, "list")...)
			}
		}
	}
	return all
}

// remember keeps which objects the steps are about. A proof changes none: what its lane changes stands for it, and of a
// workload both ends.
func (o *outcome) remember(groups []phase.Group) {
	for _, g := range groups {
		for _, l := range g.Lanes {
			var lane []phase.Object
			for _, s := range l {
				for _, t := range s.Touches {
					lane = append(lane, t)
					if k, ok := kube.KindNamed(t.Kind); ok && k.Group == kube.Deployment.Group {
						lane = append(lane, phase.Object{Env: other(t.Env), Kind: t.Kind, Namespace: t.Namespace, Name: t.Name})
					}
				}
			}
			for _, s := range l {
				o.about[s.ID] = s.Touches
				if len(s.Touches) == 0 {
					o.about[s.ID] = lane
				}
			}
		}
	}
}

func other(env string) string {
	if env == phase.Old {
		return phase.New
	}
	return phase.Old
}

// explain looks in the clusters at what the steps are about that failed or did not come to their end. After a signal it
// does not, and a signal ends it.
func (o *outcome) explain(ctx context.Context, d *report.Document, err error) {
	switch fault.CodeOf(err) {
	case fault.OK, fault.Waiting, fault.Cancelled, fault.Locked:
		return
	}
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, collecting, fmt.Errorf("no time is left, looking around takes %s at most", collecting))
	defer cancel()
	worst := map[string]int{report.Failed: 1, report.Reverting: 2, report.Unsure: 2, report.Settling: 3}
	var bad []*report.Step
	for i := range d.Steps {
		if s := &d.Steps[i]; worst[s.State] > 0 && len(o.about[s.ID]) > 0 {
			bad = append(bad, s)
		}
	}
	slices.SortStableFunc(bad, func(a, b *report.Step) int { return cmp.Compare(worst[a.State], worst[b.State]) })
	for _, s := range bad[:min(len(bad), mostExplained)] {
		s.Facts = o.factsOf(ctx, o.about[s.ID])
	}
}

func (o *outcome) factsOf(ctx context.Context, objects []phase.Object) []string {
	var facts []string
	seen := map[phase.Object]bool{}
	for _, at := range objects {
		at.Field = ""
		c := o.session.old
		if at.Env == phase.New {
			c = o.session.new
		}
		if seen[at] || at.Env == phase.New && o.session.gone {
			continue
		}
		seen[at] = true
		for _, fact := range ready.About(ctx, c, at) {
			if fact = at.Env + ": " + fact; !slices.Contains(facts, fact) {
				facts = append(facts, fact)
			}
		}
	}
	return facts
}
