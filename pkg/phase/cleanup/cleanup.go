// Package cleanup describes the last phase as far as HTTP is concerned: it hands the routes in new over to external-dns
// and cert-manager and removes what cutover built between the clusters. There is no way back from it, so it first wants
// to see that every route is served by new itself and that nothing comes through the bridge any more.
//
// What it leaves: copied objects in new, they are new's now; and old's own objects, with the tail (cutover-tail and its
// slice in each namespace of old): old's Ingresses lead to it, so that who still comes to old's entry is served by new;
// without the tail they would get a 503. Both go away with old.
//
// Where spec.cleanup.delete names kinds, the objects of those kinds that have moved go last. What is not as it was
// frozen, what somebody else keeps, what still runs and what new cannot do without is named and stays, and then nothing
// of them goes. The tail goes with old's Ingresses.
package cleanup

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
const Name = "cleanup"

// Deps is what the phase is made of.
type Deps = parts.Deps

const atOnce = 8

// Why there is no way back, as the plan output says it.
const (
	handedOver = "external-dns and cert-manager of new act on the Ingress from then on"
	noBridge   = "without it new cannot lead anything back to old"
)

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
		Name: Name, After: after(d), Access: access(d, manifests),
		Steps: func(_ context.Context, past phase.Past) ([]phase.Group, error) {
			if broken != nil {
				return nil, broken
			}
			gate := []phase.Step{movedProof(d)}
			all := gate
			if len(owns(d)) > 0 {
				all = append(all, deletable(d))
			}
			ttls, err := raise(d, past)
			if err != nil {
				return nil, err
			}
			database, err := leaves(d, past)
			if err != nil {
				return nil, err
			}
			return slices.Concat([]phase.Group{
				{Name: "quiet", Before: all, Lanes: []phase.Lane{asked(d), quiet(d, past)}},
			}, database, ttls, []phase.Group{
				{Name: "hand-over", Before: gate, Limit: atOnce, Lanes: handOver(d)},
				{Name: "keeper", Before: gate, Limit: atOnce, Lanes: keepers(d)},
				{Name: "proxy", Before: gate, Limit: atOnce, Lanes: backends(d, d.New, d.Proxy())},
				{Name: "bridge", Limit: atOnce, Lanes: bridge(d, manifests)},
			}, ownGroups(d, past, all)), nil
		},
	}
}

// after is every phase that it ends: those of the routes, every wave, and of the database the last.
func after(d Deps) []string {
	all := []string{"routes"}
	if len(d.Zones) > 0 {
		all = append(all, "dns")
	}
	if d.Plan.Spec.MongoDB != nil {
		all = append(all, "stepdown")
	}
	for _, w := range d.Plan.Spec.Waves {
		all = append(all, "migrate/"+w.Name)
	}
	return all
}

// handOver gives each Ingress in new the annotations that were kept from external-dns and cert-manager.
func handOver(d Deps) []phase.Lane {
	var lanes []phase.Lane
	for i := range d.Inventory.Ingresses {
		old := &d.Inventory.Ingresses[i].Object
		target := d.Inventory.Target(ingress.NameOf(old), d.Plan.Spec.Entry.New.IngressClass)
		target.HandOver = true
		want := ingress.Desired(old, func(string) bool { return true }, target)
		o := d.Apply(d.New, kube.Ingress, old.Namespace, old.Name, parts.Ready(d.Plan), func(context.Context) (*unstructured.Unstructured, error) {
			return kube.From(kube.Ingress, want)
		})
		o.Ready = nil
		s := o.Step()
		s.ID = "hand-over:new/" + old.Namespace + "/Ingress/" + old.Name
		s.Title = "hand Ingress " + ingress.NameOf(old).String() + " in new over to external-dns and cert-manager"
		s.Final, s.Revert, s.Reverted = handedOver, nil, nil
		s.Observe = withoutSwitches(d, old.Namespace, old.Name, want.Annotations, s.Observe)
		lanes = append(lanes, phase.Lane{s})
	}
	return lanes
}

func keepers(d Deps) []phase.Lane {
	within := parts.Ready(d.Plan)
	lanes := []phase.Lane{{d.Delete(d.Old, kube.Ingress, d.EchoNamespace(), ingress.KeeperIngress, within, noBridge)}}
	for _, ns := range d.Plan.Spec.Namespaces {
		lanes = append(lanes, phase.Lane{d.Delete(d.New, kube.Ingress, ns, ingress.KeeperIngress, within, noBridge)})
	}
	if !d.Plan.Spec.Deletes(kube.Ingress.Kind) {
		lanes = append(lanes, keeps(d)...)
	}
	return lanes
}

// keeps removes what keeps every backend in old's entry. Its counters go with it, so who counts there comes before.
func keeps(d Deps) (lanes []phase.Lane) {
	if d.Plan.Spec.Tail == nil {
		return nil
	}
	for _, ns := range d.Plan.Spec.Namespaces {
		lanes = append(lanes, phase.Lane{d.Delete(d.Old, kube.Ingress, ns, parts.KeepName, parts.Ready(d.Plan), noBridge)})
	}
	return lanes
}

// bridge removes what the proxy phase made in old, in the reverse order.
func bridge(d Deps, manifests []parts.Manifest) []phase.Lane {
	within, ns := parts.Ready(d.Plan), d.EchoNamespace()
	lanes := []phase.Lane{{
		d.Delete(d.Old, kube.Service, ns, parts.EchoName, within, noBridge),
		d.Delete(d.Old, kube.Deployment, ns, parts.EchoName, within, noBridge),
	}}
	var lane phase.Lane
	for _, m := range slices.Backward(manifests) {
		lane = append(lane, d.Delete(d.Old, m.Kind, m.Object.GetNamespace(), m.Object.GetName(), within, noBridge))
	}
	if len(lane) > 0 {
		lanes = append(lanes, lane)
	}
	return lanes
}

func access(d Deps, manifests []parts.Manifest) []phase.Access {
	var all []phase.Access
	proxy := d.Proxy()
	for _, ns := range d.Plan.Spec.Namespaces {
		all = append(all, parts.Access(phase.New, ns, kube.Ingress, nil, "patch")...) // the hand-over
		all = append(all, parts.Remove(phase.New, ns, kube.Ingress, ingress.KeeperIngress)...)
		all = append(all, parts.Remove(phase.New, ns, kube.Service, proxy.Service)...)
		all = append(all, parts.Remove(phase.New, ns, kube.EndpointSlice, proxy.SliceNames()...)...)
		if d.Plan.Spec.Tail != nil {
			all = append(all, parts.Remove(phase.Old, ns, kube.Ingress, parts.KeepName)...)
		}
	}
	echo := d.EchoNamespace()
	all = append(all, parts.Remove(phase.Old, echo, kube.Ingress, ingress.KeeperIngress)...)
	all = append(all, parts.Remove(phase.Old, echo, kube.Service, parts.EchoName)...)
	all = append(all, parts.Remove(phase.Old, echo, kube.Deployment, parts.EchoName)...)
	for _, m := range manifests {
		all = append(all, parts.Remove(phase.Old, m.Object.GetNamespace(), m.Kind, m.Object.GetName())...)
	}
	return append(all, ownAccess(d)...)
}
