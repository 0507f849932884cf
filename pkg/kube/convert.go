package kube

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// As makes a typed copy: As[networkingv1.Ingress](u).
func As[T any](u *unstructured.Unstructured) (*T, error) {
	into := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into); err != nil {
		return nil, fmt.Errorf("read %s %s/%s as %T: %w", u.GetKind(), u.GetNamespace(), u.GetName(), into, err)
	}
	return into, nil
}

// From makes an untyped copy of a typed object, ready to be written: kind and apiVersion are set, status and
// creationTimestamp are dropped. typed is a pointer.
func From(k Kind, typed any) (*unstructured.Unstructured, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, fmt.Errorf("write %T as %s: %w", typed, k.Kind, err)
	}
	u := &unstructured.Unstructured{Object: object}
	u.SetGroupVersionKind(k.GVK())
	delete(u.Object, "status")
	for _, path := range [][]string{{"metadata"}, {"spec", "template", "metadata"}, {"spec", "jobTemplate", "metadata"}, {"spec", "jobTemplate", "spec", "template", "metadata"}} {
		if m, ok, err := unstructured.NestedFieldNoCopy(u.Object, path...); ok && err == nil {
			if m, ok := m.(map[string]any); ok {
				delete(m, "creationTimestamp") // the zero time is written as null
			}
		}
	}
	return u, nil
}
