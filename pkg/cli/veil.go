package cli

import (
	"context"
	"slices"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// onlyReading are the verbs that an identity may be given that only plans.
var onlyReading = []string{"plan", "verify", "next"}

// veil finds out whether this identity only plans: whether it could not even write the journal. Such a one need not be
// able to read Secrets either, and what it must not see is not asked for.
func (s *session) veil(ctx context.Context) error {
	if !slices.Contains(onlyReading, s.call.verb.Name) {
		return nil
	}
	writing, err := s.new.Denied(ctx, parts.Access(phase.New, s.plan.Spec.State.Namespace, kube.ConfigMap, nil, "create"))
	if err != nil || len(writing) == 0 {
		return unsure(err)
	}
	s.looking = true
	for _, c := range []*kube.Cluster{s.old, s.new} {
		for _, ns := range s.plan.Spec.Namespaces {
			hidden, err := c.Denied(ctx, parts.Access(c.Env(), ns, kube.Secret, nil, "get"))
			if err != nil {
				return unsure(err)
			}
			s.veiled = s.veiled || len(hidden) > 0
		}
	}
	if s.veiled {
		s.call.warn("this identity may not read Secrets: whether they are as wanted is not looked at")
	}
	for name, p := range s.phases {
		s.phases[name] = s.behind(p, func(step phase.Step) phase.Step {
			step.Observe = func(context.Context) (phase.Observation, error) {
				return phase.Observation{}, fault.New(fault.Unsure, "", "this identity may not read Secrets")
			}
			return step
		})
	}
	return nil
}

// behind is a phase with its steps on Secrets changed, if they are veiled.
func (s *session) behind(p phase.Phase, change func(phase.Step) phase.Step) phase.Phase {
	if !s.veiled {
		return p
	}
	steps := p.Steps
	p.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := steps(ctx, past)
		for _, g := range groups {
			for _, lane := range g.Lanes {
				for i, step := range lane {
					if slices.ContainsFunc(step.Touches, func(o phase.Object) bool { return o.Kind == kube.Secret.Kind }) {
						lane[i] = change(step)
					}
				}
			}
		}
		return groups, err
	}
	return p
}

// visible is a phase that is done, as far as this identity can tell whether it still holds: its Secrets are shown as not
// looked at, and hold nobody up.
func (s *session) visible(p phase.Phase) phase.Phase {
	return s.behind(p, func(step phase.Step) phase.Step {
		step.Apply, step.Observe = nil, func(context.Context) (phase.Observation, error) {
			return phase.Observation{State: phase.Settling, Detail: "not looked at: this identity may not read Secrets"}, nil
		}
		return step
	})
}
