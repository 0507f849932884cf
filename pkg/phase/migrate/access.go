package migrate

import (
	"slices"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// checked are the cluster-scoped kinds that a workload may name: they are looked for in new, one by one.
var checked = []kube.Kind{kube.PriorityClass, kube.StorageClass, carry.RuntimeClass, carry.ClusterRole}

// access is what the wave takes: in old to read and to change what the plan names, in new to make the same. Names are
// known of the workloads alone.
func (m wave) access() []phase.Access {
	var out []phase.Access
	var live, warmed []string // namespaces
	for _, w := range m.Workloads {
		kind, _ := kube.KindNamed(w.Ref.Kind)
		ns, name := w.Ref.Namespace, w.Ref.Name
		out = append(out, parts.See(phase.Old, ns, kind)...)
		out = append(out, parts.Access(phase.Old, ns, kind, []string{name}, "patch")...)
		if w.Live() || w.FromPath() {
			out = append(out, parts.Make(phase.New, ns, kind, name)...)
		} else {
			out = append(out, parts.See(phase.New, ns, kind)...)
		}
		if w.Live() {
			live = append(live, ns)
		}
		if inventory.Exclusive(w) { // it is started in new
			out = append(out, parts.Access(phase.New, ns, kind, []string{name}, "patch")...)
		}
		if kind != kube.CronJob {
			warmed = append(warmed, ns)
		}
		if kind != kube.CronJob && inventory.Exclusive(w) { // until no pod of it is left
			out = append(out, slices.Concat(parts.Access(phase.Old, ns, kube.Pod, nil, "list"), parts.Access(phase.New, ns, kube.Pod, nil, "list"))...)
		}
		out = append(out, traffic(ns)...)
	}
	out = append(out, m.bringing()...)
	for _, ns := range unique(live) {
		out = append(out, copying(ns)...)
	}
	for _, ns := range unique(warmed) {
		out = append(out, phase.Access{Env: phase.New, Verb: "create", Resource: "pods/portforward", Namespace: ns},
			phase.Access{Env: phase.New, Verb: "get", Resource: "pods/portforward", Namespace: ns})
	}
	return out
}

// bringing is what the committed manifests take: to make what they bring and, in new, to find what they do not.
func (m wave) bringing() []phase.Access {
	var out []phase.Access
	for _, w := range m.Workloads {
		for _, n := range m.given[w.Ref].needs {
			out = append(out, parts.Make(phase.New, n.Object.GetNamespace(), n.Kind, n.Object.GetName())...)
		}
		if !w.FromPath() {
			continue
		}
		out = append(out, parts.Access(phase.New, w.Ref.Namespace, kube.Service, nil, "get")...) // in front of it: the inventory knows which
		for _, k := range []kube.Kind{kube.Pod, kube.Event} {                                    // why it is not ready
			out = append(out, parts.Access(phase.New, w.Ref.Namespace, k, nil, "list")...)
		}
	}
	for _, n := range m.named() {
		out = append(out, parts.Access(phase.New, n.Namespace, n.Kind, []string{n.Name}, "get")...)
	}
	return out
}

// traffic is the swap, the tail, and who is ready to answer.
func traffic(ns string) []phase.Access {
	return slices.Concat(
		parts.See(phase.Old, ns, kube.Ingress, kube.EndpointSlice), parts.Access(phase.Old, ns, kube.Ingress, nil, "patch"),
		parts.See(phase.New, ns, kube.Ingress, kube.EndpointSlice), parts.Access(phase.New, ns, kube.Ingress, nil, "patch"),
	)
}

// copying is all that goes with the workloads of a namespace. A Secret of old is read by its name.
func copying(ns string) []phase.Access {
	var out []phase.Access
	for _, k := range carried {
		if k == kube.Secret {
			out = append(out, parts.Access(phase.Old, ns, k, nil, "get")...)
		} else {
			out = append(out, parts.See(phase.Old, ns, k)...)
		}
		out = append(out, parts.Make(phase.New, ns, k)...)
	}
	for _, k := range checked {
		out = append(out, parts.Access(phase.New, "", k, nil, "get")...)
	}
	for _, k := range []kube.Kind{kube.Pod, kube.Event, kube.ResourceQuota} { // why a workload is not, or would not be, ready
		out = append(out, parts.Access(phase.New, ns, k, nil, "list")...)
	}
	return out
}

func unique(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
