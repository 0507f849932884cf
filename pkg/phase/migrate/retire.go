package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// retiredSelector is the node selector that keeps a DaemonSet, which has no replicas, off every node.
const retiredSelector = "cutover.dev/retired"

var selectorPath = []string{"spec", "template", "spec", "nodeSelector"}

// retired is a DaemonSet's node selector with ours beside what it has.
func retired(u *unstructured.Unstructured) map[string]any {
	selector, _, _ := unstructured.NestedMap(u.Object, selectorPath...)
	if selector == nil {
		selector = map[string]any{}
	}
	selector[retiredSelector] = "true"
	return selector
}

// offEveryNode judges a DaemonSet that has our selector. For kube/ready one that no node takes is not there yet; here that
// is the aim, once its controller has seen the selector.
func offEveryNode(u *unstructured.Unstructured) (phase.Observation, error) {
	d, err := kube.As[appsv1.DaemonSet](u)
	if err != nil {
		return phase.Observation{}, err
	}
	if d.Status.ObservedGeneration < d.Generation || d.Status.DesiredNumberScheduled+d.Status.CurrentNumberScheduled > 0 {
		return phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("%d pods are still there", d.Status.CurrentNumberScheduled)}, nil
	}
	return phase.Observation{State: phase.Done, Detail: "no node takes it any more"}, nil
}

// unretire takes our selector off the copy of a DaemonSet: the one in new is to run when old's does not any more.
func unretire(u *unstructured.Unstructured) {
	unstructured.RemoveNestedField(u.Object, append(slices.Clone(selectorPath), retiredSelector)...)
	if selector, found, _ := unstructured.NestedMap(u.Object, selectorPath...); found && len(selector) == 0 {
		unstructured.RemoveNestedField(u.Object, selectorPath...)
	}
}

// retire ends the workload in old. An exclusive one starts in new only after that, with the gap in between.
func (m wave) retire(ref plan.Ref, past phase.Past) []phase.Step {
	if ref.Kind == kube.CronJob.Kind {
		return []phase.Step{m.suspend(ref), m.resume(ref, past)}
	}
	none := func(context.Context) (int64, error) { return 0, nil }
	if !inventory.Exclusive(m.workload(ref)) {
		return []phase.Step{m.size(m.Old, ref, "scale %s in %s to 0", none)}
	}
	asInOld := func(context.Context) (int64, error) {
		var n int64
		known, err := past.Fact(sizeFact(ref), &n)
		if w, ok := m.Inventory.Workload(ref); err == nil && !known && (!ok || w.Replicas > 0) {
			err = errUnknownSize
		}
		return n, err
	}
	return []phase.Step{
		m.size(m.Old, ref, "scale %s in %s to 0 (the gap begins: nobody does its work until new does)", none),
		m.size(m.New, ref, "scale %s in %s up", asInOld),
	}
}

// errUnknownSize says that old was not scaled down yet.
var errUnknownSize = errors.New("how many replicas ran in old is known when they are scaled down there")

func sizeFact(ref plan.Ref) string { return "migrate.replicas/" + ref.String() }
