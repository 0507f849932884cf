package migrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

func (m wave) ready() time.Duration { return parts.Ready(m.Plan).Limit }

// bring makes one lane a workload: the workload at old's live size, what scales and protects it, proof that it can take
// the load, and requests that warm it.
func (m wave) bring(ctx context.Context) ([]phase.Lane, error) {
	var lanes []phase.Lane
	for _, w := range m.Workloads {
		var lane phase.Lane
		if w.Live() || w.FromPath() {
			lane = append(lane, m.create(w))
		}
		if w.Live() {
			related, err := m.needsOf(ctx, w.Ref)
			if err != nil {
				return nil, err
			}
			for _, n := range related {
				if slices.Contains(with, n.Kind) {
					lane = append(lane, m.copyOf(n.Kind, n.Namespace, n.Name))
				}
			}
		}
		if !inventory.Exclusive(w) {
			lane = append(lane, m.capacity(w.Ref))
			if len(m.Inventory.RoutesOf(w.Ref)) > 0 {
				lane = append(lane, m.warm(w.Ref))
			}
		}
		if len(lane) > 0 {
			lanes = append(lanes, lane)
		}
	}
	return lanes, nil
}

// create makes the workload: old's, cleaned, or the committed one. How many replicas it has moves by itself, and so is wanted only at creation and is no part
// of what is approved; an exclusive one does not run before old's has stopped.
func (m wave) create(w plan.Workload) phase.Step {
	kind, _ := kube.KindNamed(w.Ref.Kind)
	o := kube.Object{
		Cluster: m.New, Plan: m.Plan.Metadata.Name, Kind: kind, Namespace: w.Ref.Namespace, Name: w.Ref.Name,
		Title: fmt.Sprintf("bring up %s in new", w.Ref), Limit: m.ready(), Knob: "windows.ready",
		Want: func(ctx context.Context) (*unstructured.Unstructured, error) { return m.wanted(ctx, w) },
		Ready: func(ctx context.Context, live *unstructured.Unstructured) (phase.Observation, error) {
			return m.judge(ctx, w.Ref, live)
		},
	}
	switch kind {
	case kube.CronJob:
		o.Once = []string{"spec.suspend"}
	case kube.Deployment, kube.StatefulSet:
		o.Once = []string{"spec.replicas"}
	}
	return o.Step()
}

func (m wave) wanted(ctx context.Context, w plan.Workload) (*unstructured.Unstructured, error) {
	u, err := m.source(ctx, w.Ref) // the size is old's, whatever brings the rest
	if err != nil {
		return nil, err
	}
	want := carry.Clean(u)
	if w.FromPath() {
		want = m.given[w.Ref].workload.DeepCopy()
	}
	switch w.Ref.Kind {
	case kube.CronJob.Kind:
		return want, unstructured.SetNestedField(want.Object, true, suspendPath...)
	case kube.DaemonSet.Kind:
		unretire(want)
	case kube.Deployment.Kind, kube.StatefulSet.Kind:
		_, size, err := carry.Replicas(ctx, m.Old, u)
		if err != nil {
			return nil, err
		}
		if inventory.Exclusive(w) {
			size = 0
		}
		return want, unstructured.SetNestedField(want.Object, int64(size), "spec", "replicas")
	}
	return want, nil
}

// judge adds what the cluster says to a workload that is not there yet, so that the message tells why.
func (m wave) judge(ctx context.Context, ref plan.Ref, live *unstructured.Unstructured) (phase.Observation, error) {
	state, detail := ready.Of(live)
	if state == phase.Done {
		return phase.Observation{State: state, Detail: detail}, nil
	}
	pods, err := carry.PodsOf(live)
	if err != nil {
		return phase.Observation{}, err
	}
	facts := ready.Why(ctx, m.New, ref.Namespace, pods.Labels)
	for _, fact := range facts[:min(len(facts), 3)] {
		detail += "; " + fact
	}
	return phase.Observation{State: state, Detail: detail, Hints: []string{whyNotReady(m.New.Env(), ref, pods.Labels, facts)}}, nil
}

// capacity proves that every Service of the workload has as many ready endpoints in new as the workload has replicas.
func (m wave) capacity(ref plan.Ref) phase.Step {
	return phase.Step{
		ID: "capacity:new/" + ref.String(), Title: fmt.Sprintf("see that %s has its ready endpoints in new", ref),
		Limit: m.ready(), Knob: "windows.ready",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			kind, _ := kube.KindNamed(ref.Kind)
			u, err := m.New.Get(ctx, kind, ref.Namespace, ref.Name)
			if err != nil {
				return phase.Observation{}, err
			}
			if state, detail := ready.Of(u); state != phase.Done {
				return phase.Observation{State: state, Detail: detail}, nil
			}
			want := map[ingress.Name]int{}
			for _, s := range m.Inventory.ServicesOf(ref) {
				want[ingress.Name{Namespace: ref.Namespace, Name: s}] = size(u)
			}
			if short, err := m.short(ctx, want); err != nil || short != "" {
				return phase.Observation{State: phase.Pending, Detail: short}, err
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d ready", size(u))}, nil
		},
	}
}

// short says which Service of new has fewer ready endpoints than are wanted, or none.
func (m wave) short(ctx context.Context, want map[ingress.Name]int) (string, error) {
	for _, name := range slices.SortedFunc(maps.Keys(want), func(a, b ingress.Name) int { return strings.Compare(a.String(), b.String()) }) {
		n, err := endpoints(ctx, m.New, name.Namespace, name.Name)
		if err != nil {
			return "", err
		}
		if n < want[name] || n == 0 {
			return fmt.Sprintf("service %s has %d of %d ready endpoints", name.Name, n, want[name]), nil
		}
	}
	return "", nil
}

// size is how many replicas a workload of new is to have now.
func size(u *unstructured.Unstructured) int {
	path := []string{"spec", "replicas"}
	if u.GetKind() == kube.DaemonSet.Kind {
		path = []string{"status", "desiredNumberScheduled"}
	}
	n, _, _ := unstructured.NestedInt64(u.Object, path...)
	return int(n)
}

// endpoints counts the ready endpoints of a Service.
func endpoints(ctx context.Context, c *kube.Cluster, ns, service string) (int, error) {
	own, err := slicesOf(ctx, c, ns, service)
	return ready.Endpoints(own), err
}

func slicesOf(ctx context.Context, c *kube.Cluster, ns, service string) ([]*unstructured.Unstructured, error) {
	all, err := c.List(ctx, kube.EndpointSlice, ns)
	if err != nil {
		return nil, err
	}
	var own []*unstructured.Unstructured
	for _, s := range all {
		if s.GetLabels()["kubernetes.io/service-name"] == service {
			own = append(own, s)
		}
	}
	return own, nil
}

// rest lets requests in flight to new's pods end before those pods are taken away.
func (m wave) rest() phase.Step {
	d := time.Duration(m.Plan.Spec.Windows.Drain)
	return phase.Step{
		ID: "rest:new", Title: "let requests in flight in new end", Limit: d + time.Minute, Knob: "windows.drain",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			select {
			case <-ctx.Done():
				return phase.Observation{}, context.Cause(ctx)
			case <-time.After(d):
				return phase.Observation{State: phase.Done, Detail: "waited " + d.String()}, nil
			}
		},
	}
}
