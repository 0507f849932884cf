// Package proxy describes the phase that lays the wire from new to old: the bridge in old, the Service that leads to it
// in each namespace of new, the keeper hosts that are always proxied, and, with a tail, the wire back. Nothing that a
// client asks for changes. Its proofs are that the bridge answers, marks its answers, passes on who asked, does not end
// TLS and does not write the status of Ingresses.
package proxy

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// Name is the name of the phase.
const Name = "proxy"

// Deps is what the phase is made of.
type Deps = parts.Deps

// atOnce is how many objects or proofs are worked on side by side.
const atOnce = 8

// New describes the phase. What is wrong with the bridge's manifests is an error of Steps.
func New(d Deps) phase.Phase {
	var manifests []parts.Manifest
	var broken error
	if path := d.Plan.Spec.Bridge.Manifests; path != "" {
		if manifests, broken = parts.Manifests(path); broken != nil {
			broken = fmt.Errorf("bridge.manifests: %w", broken)
		}
	}
	return phase.Phase{
		Name: Name, Access: access(d, manifests),
		Steps: func(_ context.Context, past phase.Past) ([]phase.Group, error) {
			if broken != nil {
				return nil, broken
			}
			return []phase.Group{
				{Name: "bridge", Limit: atOnce, Lanes: slices.DeleteFunc([]phase.Lane{bridge(d, manifests), echo(d)}, isEmpty)},
				{Name: "proxy", Limit: atOnce, Lanes: wires(d)},
				{Name: "proofs", Limit: atOnce, Lanes: proofs(d, manifests, past)},
			}, nil
		},
	}
}

func isEmpty(l phase.Lane) bool { return len(l) == 0 }

// bridge applies the manifests one after the other.
func bridge(d Deps, manifests []parts.Manifest) phase.Lane {
	var lane phase.Lane
	for _, m := range manifests {
		lane = append(lane, d.Apply(d.Old, m.Kind, m.Object.GetNamespace(), m.Object.GetName(), parts.Ready(d.Plan),
			parts.Fixed(m.Object, nil)).Step())
	}
	return lane
}

// echo is the pod behind the keeper hosts.
func echo(d Deps) phase.Lane {
	ns, within := d.EchoNamespace(), parts.Ready(d.Plan)
	return phase.Lane{
		d.Apply(d.Old, kube.Deployment, ns, parts.EchoName, within, parts.Fixed(echoDeployment(d))).Step(),
		d.Apply(d.Old, kube.Service, ns, parts.EchoName, within, parts.Fixed(echoService(d))).Step(),
		d.Apply(d.Old, kube.Ingress, ns, ingress.KeeperIngress, within, parts.Fixed(parts.KeeperInOld(d))).Step(),
	}
}

// wires is one lane for each namespace and direction.
func wires(d Deps) []phase.Lane {
	var lanes []phase.Lane
	proxy := d.Proxy() // one for all: what its name said to one lane the others know
	for _, ns := range d.Plan.Spec.Namespaces {
		lane := wire(d, d.New, ns, proxy)
		keeper := d.Apply(d.New, kube.Ingress, ns, ingress.KeeperIngress, parts.Ready(d.Plan), parts.Fixed(parts.KeeperInNew(d.Plan, ns)))
		lanes = append(lanes, append(lane, keeper.Step()))
	}
	if tail, yes := parts.Tail(d.Plan); yes {
		for _, ns := range d.Plan.Spec.Namespaces {
			keep := d.Apply(d.Old, kube.Ingress, ns, parts.KeepName, parts.Ready(d.Plan), parts.Fixed(parts.KeepInOld(d, ns)))
			lanes = append(lanes, append(wire(d, d.Old, ns, tail), keep.Step()))
		}
	}
	return lanes
}

// wire is the slices before their Service, so that no controller ever sees it without endpoints.
func wire(d Deps, c *kube.Cluster, ns string, b parts.Backend) phase.Lane {
	var lane phase.Lane
	within := parts.Ready(d.Plan)
	for _, family := range b.Families() {
		o := d.Apply(c, kube.EndpointSlice, ns, b.SliceName(family), within, func(ctx context.Context) (*unstructured.Unstructured, error) {
			return b.SliceIn(ctx, ns, family)
		})
		// Which addresses a name has today is no part of what was approved.
		o.Intent = map[string]any{"family": family, "addresses": b.Addresses, "hostname": b.Hostname.String(), "port": b.Port}
		s := o.Step()
		s.Observe = b.Hostname.Explains(s.Observe)
		lane = append(lane, s)
	}
	return append(lane, d.Apply(c, kube.Service, ns, b.Service, within, parts.Fixed(b.ServiceIn(ns))).Step())
}

func access(d Deps, manifests []parts.Manifest) []phase.Access {
	var all []phase.Access
	for _, m := range manifests {
		all = append(all, parts.Make(phase.Old, m.Object.GetNamespace(), m.Kind, m.Object.GetName())...)
	}
	echo := d.EchoNamespace()
	all = append(all, parts.Make(phase.Old, echo, kube.Deployment, parts.EchoName)...)
	all = append(all, parts.Make(phase.Old, echo, kube.Service, parts.EchoName)...)
	all = append(all, parts.Make(phase.Old, echo, kube.Ingress, ingress.KeeperIngress)...)
	for _, ns := range d.Plan.Spec.Namespaces {
		all = append(all, parts.See(phase.Old, ns, kube.Ingress)...) // their status is watched
		all = append(all, wired(phase.New, ns, d.Proxy(), ingress.KeeperIngress)...)
		if tail, yes := parts.Tail(d.Plan); yes {
			all = append(all, wired(phase.Old, ns, tail, parts.KeepName)...)
		}
	}
	return all
}

// wired is what one lane of wires takes.
func wired(env, ns string, b parts.Backend, keeper string) []phase.Access {
	return slices.Concat(parts.Make(env, ns, kube.EndpointSlice, b.SliceNames()...), parts.Make(env, ns, kube.Service, b.Service),
		parts.Make(env, ns, kube.Ingress, keeper))
}
