// Package routes describes the phase that gives new an Ingress for each Ingress of old, all of it leading to the proxy,
// with the certificates beside it; and that proves, host by host and path by path, that new's entry answers as old's does.
// Clients still go to old; on the way back, none may go to new any more. What migrate moves later is no drift here: a route
// that leads to its own Service is as wanted.
package routes

import (
	"context"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// Name is the name of the phase.
const Name = "routes"

// Deps is what the phase is made of.
type Deps = parts.Deps

const (
	objectsAtOnce = 64 // created in batches: each one makes new's controller build its configuration again; kube bounds the writes
	proofsAtOnce  = 8
)

// New describes the phase.
func New(d Deps) phase.Phase {
	return phase.Phase{
		Name: Name, After: []string{"proxy"}, Access: access(d),
		Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
			if len(d.Inventory.Ingresses) == 0 {
				return nil, fault.New(fault.Refused, "correct the namespaces in the plan", "list routes: the inventory has no Ingress")
			}
			return []phase.Group{
				{Name: "tls", Limit: objectsAtOnce, Lanes: certificates(d)},
				{Name: "routes", Back: []phase.Step{unused(d)}, Limit: objectsAtOnce, Lanes: ingresses(d)},
				{Name: "proof", Limit: proofsAtOnce, Lanes: proofs(d)},
			}, nil
		},
	}
}

// secrets lists the TLS secrets that the Ingresses name, each one once, sorted, with the Ingress that names it first.
func secrets(inv *inventory.Inventory) (names []ingress.Name, by map[ingress.Name]ingress.Name) {
	by = map[ingress.Name]ingress.Name{}
	for i := range inv.Ingresses {
		ing := &inv.Ingresses[i]
		for _, t := range ing.Object.Spec.TLS {
			name := ingress.Name{Namespace: ing.Object.Namespace, Name: t.SecretName}
			if _, known := by[name]; t.SecretName != "" && !known { // without a name: the controller's own certificate
				by[name] = ing.Name()
				names = append(names, name)
			}
		}
	}
	slices.SortFunc(names, func(a, b ingress.Name) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	return names, by
}

func certificates(d Deps) []phase.Lane {
	var lanes []phase.Lane
	names, by := secrets(d.Inventory)
	for _, name := range names {
		o := d.Apply(d.New, kube.Secret, name.Namespace, name.Name, parts.Ready(d.Plan), func(ctx context.Context) (*unstructured.Unstructured, error) {
			return secret(ctx, d, name, by[name])
		})
		o.Title = "copy Secret " + name.String() + " from old to new"
		// That it is old's, and not what is in it: certificates are renewed without anybody's approval.
		o.Intent = map[string]any{"copy": "Secret", "name": name.String(), "from": phase.Old}
		lanes = append(lanes, phase.Lane{o.Step()})
	}
	return lanes
}

// secret reads a TLS secret of old as new is to have it. The uid stays, it keys the fingerprint and is not written.
func secret(ctx context.Context, d Deps, name, by ingress.Name) (*unstructured.Unstructured, error) {
	live, err := d.Old.Read(ctx, kube.Secret, name.Namespace, name.Name)
	if apierrors.IsNotFound(err) {
		return nil, fault.New(fault.Refused, "create it, or take it out of the TLS section",
			"Ingress %s in old names Secret %s, which is not there", by, name)
	}
	if err != nil {
		return nil, err
	}
	if why, ok := carry.Copyable(live); !ok {
		return nil, fault.New(fault.Refused, "let the Ingress name a TLS secret", "copy Secret %s: %s", name, why)
	}
	out := carry.Clean(live)
	out.SetUID(live.GetUID())
	return out, nil
}

func ingresses(d Deps) []phase.Lane {
	var lanes []phase.Lane
	for i := range d.Inventory.Ingresses {
		lanes = append(lanes, phase.Lane{route(d, &d.Inventory.Ingresses[i].Object)})
	}
	return lanes
}

// route is the step of one Ingress. What is wanted depends on what has moved, and that is read from the Ingress itself;
// what was approved is the Ingress of which nothing has.
func route(d Deps, old *networkingv1.Ingress) phase.Step {
	name := ingress.NameOf(old)
	target := d.Inventory.Target(name, d.Plan.Spec.Entry.New.IngressClass)
	o := d.Apply(d.New, kube.Ingress, name.Namespace, name.Name, parts.Ready(d.Plan), func(ctx context.Context) (*unstructured.Unstructured, error) {
		moved, err := movedIn(ctx, d, old)
		if err != nil {
			return nil, err
		}
		return kube.From(kube.Ingress, ingress.Desired(old, func(service string) bool { return moved[service] }, target))
	})
	o.Title = "apply Ingress " + name.String() + " in new, leading to the proxy"
	o.Intent = ingress.Desired(old, nil, target)
	return o.Step()
}

// movedIn reads which Services the Ingress in new leads to itself; none while there is no such Ingress.
func movedIn(ctx context.Context, d Deps, old *networkingv1.Ingress) (map[string]bool, error) {
	u, err := parts.Live(ctx, d.New, kube.Ingress, old.Namespace, old.Name)
	if err != nil || u == nil {
		return nil, err
	}
	live, err := kube.As[networkingv1.Ingress](u)
	if err != nil {
		return nil, fmt.Errorf("see what has moved: %w", err)
	}
	return ingress.Moved(old, live), nil
}

// access does not ask which Ingress names a certificate: the rights are given before anybody looked into old.
func access(d Deps) []phase.Access {
	var all []phase.Access
	for _, ns := range d.Plan.Spec.Namespaces {
		all = append(all, parts.Make(phase.New, ns, kube.Ingress)...)
		all = append(all, parts.Access(phase.Old, ns, kube.Secret, nil, "get")...)
		all = append(all, parts.Make(phase.New, ns, kube.Secret)...)
	}
	return all
}
