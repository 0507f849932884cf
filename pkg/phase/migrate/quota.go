package migrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// room are gates: the quotas of new have room for the workloads that are copied and what they need. Else all that would be seen is
// that a workload does not become ready, when everything else is there already. What committed manifests bring is not counted.
func (m wave) room(needs []carry.Need) []phase.Step {
	refs := map[string][]plan.Ref{}
	for _, w := range m.Workloads {
		if w.Live() && w.Ref.Kind != kube.CronJob.Kind && w.Ref.Kind != kube.DaemonSet.Kind { // how many pods these have is new's affair
			refs[w.Ref.Namespace] = append(refs[w.Ref.Namespace], w.Ref)
		}
	}
	var gates []phase.Step
	for _, ns := range slices.Sorted(maps.Keys(refs)) {
		gates = append(gates, phase.Step{
			ID: "room:new/" + ns, Title: "see that the quotas of namespace " + ns + " in new have room for the copied workloads",
			Observe: func(ctx context.Context) (phase.Observation, error) {
				wanted, err := m.taken(ctx, refs[ns])
				if err == nil {
					err = m.counted(ctx, ns, needs, wanted)
				}
				if err != nil {
					return phase.Observation{}, err
				}
				return roomFor(ctx, m.New, ns, wanted)
			},
		})
	}
	return gates
}

// taken is what the workloads that are not in new yet will count for in a quota, at least: init containers, the overhead of
// a runtime and a rollout's additional pods are left out.
func (m wave) taken(ctx context.Context, refs []plan.Ref) (corev1.ResourceList, error) {
	sum := corev1.ResourceList{}
	for _, ref := range refs {
		kind, _ := kube.KindNamed(ref.Kind)
		_, err := m.New.Get(ctx, kind, ref.Namespace, ref.Name)
		if err == nil {
			continue
		}
		if !apierrors.IsNotFound(err) {
			return nil, err
		}
		u, err := m.source(ctx, ref)
		if err != nil {
			return nil, err
		}
		if err := count(sum, u); err != nil {
			return nil, err
		}
		one(sum, kind)
		if kind == kube.Deployment { // which makes one of these
			one(sum, kube.ReplicaSet)
		}
	}
	return sum, nil
}

// counted adds what is copied along with the workloads and is not in new yet. Secrets are left out: who only plans may not
// look which of them are there.
func (m wave) counted(ctx context.Context, ns string, needs []carry.Need, sum corev1.ResourceList) error {
	for _, n := range needs {
		if n.Namespace != ns || n.Optional || n.Kind == kube.Secret || !slices.Contains(carried, n.Kind) {
			continue
		}
		switch _, err := m.New.Get(ctx, n.Kind, n.Namespace, n.Name); {
		case apierrors.IsNotFound(err):
			one(sum, n.Kind)
		case err != nil:
			return err
		}
	}
	return nil
}

// one adds an object, under every name by which a quota may count its kind.
func one(sum corev1.ResourceList, k kube.Kind) {
	names := []corev1.ResourceName{corev1.ResourceName("count/" + k.GVR().GroupResource().String())}
	if k == kube.Service || k == kube.ConfigMap { // these have a name of their own since before
		names = append(names, corev1.ResourceName(k.Resource))
	}
	for _, name := range names {
		all := sum[name]
		all.Add(*resource.NewQuantity(1, resource.DecimalSI))
		sum[name] = all
	}
}

// count adds all pods of a workload, under every name that a quota may give to what they take.
func count(sum corev1.ResourceList, workload *unstructured.Unstructured) error {
	pods, err := carry.PodsOf(workload)
	if err != nil {
		return err
	}
	n, set, _ := unstructured.NestedInt64(workload.Object, "spec", "replicas")
	if !set {
		n = 1
	}
	add := func(name corev1.ResourceName, each resource.Quantity) {
		each.Mul(n)
		all := sum[name]
		all.Add(each)
		sum[name] = all
	}
	add(corev1.ResourcePods, *resource.NewQuantity(1, resource.DecimalSI))
	add("count/pods", *resource.NewQuantity(1, resource.DecimalSI))
	for _, c := range pods.Spec.Containers {
		for name, each := range c.Resources.Requests {
			if name == corev1.ResourceCPU || name == corev1.ResourceMemory {
				add(name, each)
			}
			add("requests."+name, each)
		}
		for name, each := range c.Resources.Limits {
			add("limits."+name, each)
		}
	}
	return nil
}

// roomFor holds what is wanted against the quotas of a namespace. Those that count only some pods are passed over.
func roomFor(ctx context.Context, c *kube.Cluster, ns string, wanted corev1.ResourceList) (phase.Observation, error) {
	var short []string
	err := c.Walk(ctx, kube.ResourceQuota, ns, func(u *unstructured.Unstructured) error {
		q, err := kube.As[corev1.ResourceQuota](u)
		if err != nil || len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			hard, limited := q.Status.Hard[name]
			if _, asked := q.Spec.Hard[name]; asked && !limited {
				return fault.New(fault.Unsure, "see that new's controller manager runs", "ResourceQuota %s has not been counted yet", q.Name)
			}
			left := hard.DeepCopy()
			left.Sub(q.Status.Used[name])
			if need := wanted[name]; limited && need.Cmp(left) > 0 {
				short = append(short, fmt.Sprintf("ResourceQuota %s has %s of %s %s left, and %s are needed", q.Name, left.String(), hard.String(), name, need.String()))
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return phase.Observation{}, err
	case len(short) > 0:
		return phase.Observation{State: phase.Failed, Detail: strings.Join(short, "; ") + "; raise it in new, or take workloads out of the wave"}, nil
	}
	return phase.Observation{State: phase.Done, Detail: "they have"}, nil
}
