package migrate

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

// given is what the committed manifests of one workload bring.
type given struct {
	workload *unstructured.Unstructured
	needs    []parts.Manifest // all that is not a workload, in the order in which to make it
}

// movable are the workloads that manifests may bring. What is made before them is carried.
var movable = []kube.Kind{kube.Deployment, kube.StatefulSet, kube.DaemonSet, kube.CronJob}

// committed reads the manifests of every workload of the wave whose source is a path. Every mistake is in the error.
func committed(p *plan.Plan, w plan.Wave) (map[plan.Ref]given, error) {
	read := map[string][]parts.Manifest{}
	out := map[plan.Ref]given{}
	var errs []error
	for _, l := range w.Workloads {
		if !l.FromPath() {
			continue
		}
		all, known := read[l.Source]
		if !known {
			found, err := parts.Manifests(l.Source)
			if err == nil {
				err = suits(p, l.Source, found)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("source of %s: %w", l.Ref, err))
			}
			read[l.Source], all = found, found
		}
		g := given{}
		for _, m := range all {
			switch {
			case m.Object.GetNamespace() != l.Ref.Namespace:
			case refOf(m) == l.Ref:
				g.workload = m.Object
			case !slices.Contains(movable, m.Kind):
				g.needs = append(g.needs, m)
			}
		}
		if g.workload == nil && len(all) > 0 {
			errs = append(errs, fault.New(fault.Refused, "add it there, or correct the path", "source of %s: it is not among the manifests in %s", l.Ref, l.Source))
		}
		out[l.Ref] = g
	}
	return out, errors.Join(errs...)
}

func refOf(m parts.Manifest) plan.Ref {
	return plan.Ref{Namespace: m.Object.GetNamespace(), Kind: m.Kind.Kind, Name: m.Object.GetName()}
}

// suits refuses what manifests of workloads must not bring: other workloads than the plan moves from there, anything in
// another namespace, and what other phases or nobody makes in new.
func suits(p *plan.Plan, source string, all []parts.Manifest) error {
	moves, at := map[plan.Ref]bool{}, map[string]bool{}
	for _, w := range p.Spec.Waves {
		for _, l := range w.Workloads {
			if l.Source == source {
				moves[l.Ref], at[l.Ref.Namespace] = true, true
			}
		}
	}
	var errs []error
	no := func(m parts.Manifest, why string) {
		errs = append(errs, fmt.Errorf("%s: %s %s/%s %s", m.File, m.Kind.Kind, m.Object.GetNamespace(), m.Object.GetName(), why))
	}
	seen := map[plan.Ref]bool{}
	for _, m := range all {
		switch ref := refOf(m); {
		case seen[ref]:
			no(m, "is there twice")
		case !at[ref.Namespace]:
			no(m, "is in the namespace of no workload that comes from there")
		case m.Kind == kube.Ingress:
			no(m, "is for the phase routes to make")
		case slices.Contains(movable, m.Kind) && !moves[ref]:
			no(m, "is a workload that the plan does not move from there")
		case m.Kind == kube.PVC: // what a move makes, its way back deletes
			no(m, "holds data, which going back would delete: apply it in new by hand before the wave")
		case !slices.Contains(movable, m.Kind) && !slices.Contains(carried, m.Kind):
			no(m, "is nothing that a move makes")
		}
		seen[refOf(m)] = true
	}
	return fault.Wrap(fault.Refused, "take it out, or keep it in another folder", errors.Join(errs...))
}

// needKey is what tells one needed object from another.
type needKey struct{ kind, namespace, name string }

func keyOf(n carry.Need) needKey { return needKey{n.Kind.Kind, n.Namespace, n.Name} }

// apply makes a lane of all that the manifests of the wave bring besides workloads: in their order, because who makes a
// RoleBinding before its Role is refused. An object that several workloads share is made once.
func (m wave) apply() []phase.Lane {
	var lane phase.Lane
	made := map[needKey]bool{}
	for _, w := range m.Workloads {
		for _, n := range m.given[w.Ref].needs {
			ns, name := n.Object.GetNamespace(), n.Object.GetName()
			if key := (needKey{n.Kind.Kind, ns, name}); !made[key] {
				made[key] = true
				lane = append(lane, m.Apply(m.New, n.Kind, ns, name, parts.Ready(m.Plan), parts.Fixed(n.Object, nil)).Step())
			}
		}
	}
	if len(lane) == 0 {
		return nil
	}
	return []phase.Lane{lane}
}

// missing are the gates for what workloads from manifests need: it is brought by manifests or by a copy of this wave, or it
// is in new. What both would bring is refused: one of them is not what new is to have.
func (m wave) missing(copied []carry.Need) ([]phase.Step, error) {
	brought := map[needKey]bool{}
	for _, n := range copied {
		brought[keyOf(n)] = n.Kind.Namespaced && !n.Optional
	}
	var errs []error
	by := map[needKey]parts.Manifest{}
	for _, w := range m.Workloads {
		for _, n := range m.given[w.Ref].needs {
			key := needKey{n.Kind.Kind, n.Object.GetNamespace(), n.Object.GetName()}
			other, twice := by[key]
			by[key], brought[key] = n, true
			switch {
			case slices.ContainsFunc(copied, func(c carry.Need) bool { return keyOf(c) == key }):
				errs = append(errs, fmt.Errorf("%s brings %s %s/%s, and a workload with source: live brings old's", n.File, key.kind, key.namespace, key.name))
			case twice && !reflect.DeepEqual(other.Object.Object, n.Object.Object):
				errs = append(errs, fmt.Errorf("%s and %s bring %s %s/%s, and differ", other.File, n.File, key.kind, key.namespace, key.name))
			}
		}
	}
	if len(errs) > 0 {
		return nil, fault.Wrap(fault.Refused, "let both have the same source", errors.Join(errs...))
	}
	var gates []phase.Step
	for _, n := range m.named() {
		if brought[keyOf(n)] {
			continue
		}
		brought[keyOf(n)] = true // one gate is enough
		gates = append(gates, phase.Step{
			ID: fmt.Sprintf("needed:new/%s/%s/%s", n.Namespace, n.Kind.Kind, n.Name), Title: "find what is needed in new",
			Observe: func(ctx context.Context) (phase.Observation, error) { return m.inNewAlready(ctx, n) },
		})
	}
	return gates, nil
}

// named lists what the workloads from manifests cannot do without: what their pods name, and the Services in front of them.
func (m wave) named() []carry.Need {
	var out []carry.Need
	for _, w := range m.Workloads {
		g, ok := m.given[w.Ref]
		if !ok || g.workload == nil {
			continue
		}
		for _, n := range carry.Needs(g.workload) {
			if !n.Optional {
				out = append(out, n)
			}
		}
		for _, s := range m.Inventory.ServicesOf(w.Ref) {
			out = append(out, carry.Need{Kind: kube.Service, Namespace: w.Ref.Namespace, Name: s, Why: "selects the pods in old"})
		}
	}
	return out
}

func (m wave) inNewAlready(ctx context.Context, n carry.Need) (phase.Observation, error) {
	what := n.Kind.Kind + " " + n.Name
	if n.Kind == (kube.Kind{}) {
		return phase.Observation{State: phase.Failed, Detail: n.Why}, nil
	}
	way := "add it to them, or create it"
	if n.Kind == kube.PVC { // refused among them
		way = "create it"
	}
	switch _, err := m.New.Read(ctx, n.Kind, n.Namespace, n.Name); {
	case apierrors.IsNotFound(err):
		return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf("%s is neither among the manifests nor in new, and is needed: %s; %s", what, n.Why, way)}, nil
	case err != nil:
		return phase.Observation{}, err
	}
	return phase.Observation{State: phase.Done, Detail: what + " is in new"}, nil
}
