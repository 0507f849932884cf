package cleanup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// movedProof: every route of the inventory is served by new itself, and nothing else in new leads to the proxy.
func movedProof(d Deps) phase.Step {
	return phase.Step{
		ID: "prove:moved", Title: "see that no route leads to the proxy any more",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			left, err := proxied(ctx, d)
			switch {
			case err != nil:
				return phase.Observation{}, err
			case len(left) > 0:
				return phase.Observation{State: phase.Failed, Detail: "not everything has moved: " + strings.Join(left, ", ")}, nil
			case len(d.Inventory.Ingresses) == 0:
				return phase.Observation{State: phase.Failed, Detail: "the inventory has no Ingress, so nothing shows that anything has moved"}, nil
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d Ingresses lead to new's own Services", len(d.Inventory.Ingresses))}, nil
		},
	}
}

// proxied lists what is still answered by old.
func proxied(ctx context.Context, d Deps) (left []string, err error) {
	for i := range d.Inventory.Ingresses {
		old := &d.Inventory.Ingresses[i].Object
		u, err := d.New.Get(ctx, kube.Ingress, old.Namespace, old.Name)
		if apierrors.IsNotFound(err) {
			left = append(left, ingress.NameOf(old).String()+" is not in new")
			continue
		}
		if err != nil {
			return nil, err
		}
		live, err := kube.As[networkingv1.Ingress](u)
		if err != nil {
			return nil, err
		}
		moved := ingress.Moved(old, live)
		for _, service := range ingress.Services(old) {
			if !moved[service] {
				left = append(left, "Service "+service+" of Ingress "+ingress.NameOf(old).String())
			}
		}
	}
	for _, ns := range d.Plan.Spec.Namespaces {
		list, err := d.New.List(ctx, kube.Ingress, ns)
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			live, err := kube.As[networkingv1.Ingress](u)
			if err != nil {
				return nil, err
			}
			if live.Name != ingress.KeeperIngress && slices.Contains(ingress.Services(live), ingress.ProxyService) {
				left = append(left, "Ingress "+ns+"/"+live.Name+" leads to the proxy")
			}
		}
	}
	return left, nil
}
