package cluster

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// createIn creates an object, and the state namespace if that is what is missing.
func createIn(ctx context.Context, api API, namespace, plan string, obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	made, err := api.Create(ctx, obj)
	switch {
	case apierrors.IsForbidden(err): // with a role in the namespace only, a missing namespace looks like this
		return nil, fault.Wrap(fault.Refused, way(namespace), err)
	case !apierrors.IsNotFound(err):
		return made, err
	}
	ns := &unstructured.Unstructured{Object: map[string]any{}}
	ns.SetGroupVersionKind(kube.Namespace.GVK())
	ns.SetName(namespace)
	kube.Own(ns, plan)
	if _, err := api.Create(ctx, ns); apierrors.IsForbidden(err) {
		return nil, fault.Wrap(fault.Refused, way(namespace), fmt.Errorf("namespace %s is missing in %s: %w", namespace, api.Env(), err))
	} else if err != nil && !errors.Is(err, phase.ErrMoved) {
		return nil, err
	}
	return api.Create(ctx, obj)
}

func way(namespace string) string {
	return "kubectl create namespace " + namespace + ", and give this identity the role for it from docs/rbac"
}
