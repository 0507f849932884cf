package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// carried are the kinds that are copied from old to new with the workloads.
var carried = []kube.Kind{
	kube.ConfigMap, kube.Secret, kube.ServiceAccount, kube.Role, kube.RoleBinding, kube.NetworkPolicy,
	kube.Service, kube.HPA, kube.PDB,
}

// with are the kinds that come up together with a workload, after it; everything else comes before.
var with = []kube.Kind{kube.HPA, kube.PDB}

// needs lists what the wave's workloads that are copied go with, each one once.
func (m wave) needs(ctx context.Context) ([]carry.Need, error) {
	var out []carry.Need
	var errs []error
	for _, w := range m.Workloads {
		if !w.Live() {
			continue
		}
		found, err := m.needsOf(ctx, w.Ref)
		if err != nil {
			errs = append(errs, err)
		}
		for _, n := range found {
			if !slices.ContainsFunc(out, func(o carry.Need) bool { return o.Kind == n.Kind && o.Namespace == n.Namespace && o.Name == n.Name }) {
				out = append(out, n)
			}
		}
	}
	return out, errors.Join(errs...)
}

func (m wave) needsOf(ctx context.Context, ref plan.Ref) ([]carry.Need, error) {
	u, err := m.source(ctx, ref)
	if err != nil {
		return nil, err
	}
	related, err := carry.Related(ctx, m.Old, u)
	if err != nil {
		return nil, err
	}
	return append(carry.Needs(u), related...), nil
}

// source is the workload in old.
func (m wave) source(ctx context.Context, ref plan.Ref) (*unstructured.Unstructured, error) {
	kind, ok := kube.KindNamed(ref.Kind)
	if !ok {
		return nil, fault.New(fault.Refused, "", "workload %s: kind %s cannot be moved", ref, ref.Kind)
	}
	u, err := m.Old.Get(ctx, kind, ref.Namespace, ref.Name)
	if err != nil {
		return nil, fmt.Errorf("read %s in old: %w", ref, err)
	}
	return u, nil
}

// checks are the gates: what is needed is there, in old to be copied, and in new where cutover does not copy.
func (m wave) checks(needs []carry.Need) []phase.Step {
	var gates []phase.Step
	for _, n := range needs {
		env, c := phase.Old, m.Old
		if !n.Kind.Namespaced {
			env, c = phase.New, m.New
		}
		if n.Optional && n.Kind.Namespaced {
			continue
		}
		gates = append(gates, phase.Step{
			ID: fmt.Sprintf("needed:%s/%s/%s/%s", env, n.Namespace, n.Kind.Kind, n.Name), Title: "find what is needed in " + env,
			Observe: func(ctx context.Context) (phase.Observation, error) { return present(ctx, c, env, n) },
		})
	}
	return gates
}

func present(ctx context.Context, c *kube.Cluster, env string, n carry.Need) (phase.Observation, error) {
	get := c.Get
	if !n.Kind.Namespaced || n.Kind == kube.Secret { // there is no right to list these
		get = c.Read
	}
	u, err := get(ctx, n.Kind, n.Namespace, n.Name)
	what := n.Kind.Kind + " " + strings.TrimPrefix(n.Namespace+"/", "/") + n.Name
	switch {
	case apierrors.IsNotFound(err):
		return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf("%s is not in %s, and is needed: %s; create it there or take the reference out", what, env, n.Why)}, nil
	case err != nil:
		return phase.Observation{}, err
	}
	if n.Kind == kube.Secret {
		if reason, ok := carry.Copyable(u); !ok {
			return phase.Observation{State: phase.Failed, Detail: what + " cannot be copied: " + reason}, nil
		}
	}
	return phase.Observation{State: phase.Done, Detail: what + " is there"}, nil
}

// copies are the lanes that copy what comes before the workloads.
func (m wave) copies(needs []carry.Need) []phase.Lane {
	var lanes []phase.Lane
	var roles, bindings phase.Lane
	for _, n := range needs {
		if !n.Kind.Namespaced || n.Optional || !slices.Contains(carried, n.Kind) || slices.Contains(with, n.Kind) {
			continue
		}
		step := m.copyOf(n.Kind, n.Namespace, n.Name)
		switch n.Kind {
		case kube.Role:
			roles = append(roles, step)
		case kube.RoleBinding: // after the Roles: who holds only some rights is refused a binding to a Role that is not there
			bindings = append(bindings, step)
		default:
			lanes = append(lanes, phase.Lane{step})
		}
	}
	if rights := slices.Concat(roles, bindings); len(rights) > 0 {
		lanes = append(lanes, rights)
	}
	return lanes
}

// copyOf makes the step that copies one object from old as it is there at that moment.
func (m wave) copyOf(k kube.Kind, ns, name string) phase.Step {
	o := kube.Object{
		Cluster: m.New, Plan: m.Plan.Metadata.Name, Kind: k, Namespace: ns, Name: name,
		Title: fmt.Sprintf("copy %s %s/%s to new", k.Kind, ns, name),
		Limit: m.ready(), Knob: "windows.ready", Masked: k == kube.Secret,
		Want: func(ctx context.Context) (*unstructured.Unstructured, error) {
			get := m.Old.Get
			if k == kube.Secret {
				get = m.Old.Read // the view has no values
			}
			u, err := get(ctx, k, ns, name)
			if err != nil {
				return nil, err
			}
			return carry.Clean(u), nil
		},
	}
	if k == kube.Secret { // that it is old's, and not what is in it: who plans and approves need not be able to read it
		o.Intent = map[string]any{"copy": k.Kind, "name": ns + "/" + name, "from": phase.Old}
	}
	return o.Step()
}
