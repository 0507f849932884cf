package kube

import (
	"cmp"
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Get returns an object from the view, or from the API server while the view is not to be believed. What is not there
// is an error for which apierrors.IsNotFound holds; code fault.Unsure is "could not tell". The object is the
// caller's own. Of a Secret it is the metadata only.
func (c *Cluster) Get(ctx context.Context, k Kind, ns, name string) (*unstructured.Unstructured, error) {
	doing := "get " + c.named(k, ns, name)
	v, err := c.view(ctx, k, ns)
	if err != nil {
		return nil, c.explain(doing, err)
	}
	if !v.believed(ctx) {
		u, err := c.read(ctx, k, ns, name)
		if err != nil {
			return nil, c.explain(doing, err)
		}
		return slim(k, u)
	}
	if u, err := v.get(name); err != nil || u != nil {
		return u, c.explain(doing, err)
	}
	return nil, c.explain(doing, apierrors.NewNotFound(k.GVR().GroupResource(), name))
}

// List returns every object of a kind in a namespace, sorted by name, under the same rules as Get.
func (c *Cluster) List(ctx context.Context, k Kind, ns string) ([]*unstructured.Unstructured, error) {
	doing := "list " + c.named(k, ns, "")
	v, err := c.view(ctx, k, ns)
	if err != nil {
		return nil, c.explain(doing, err)
	}
	var all []*unstructured.Unstructured
	if v.believed(ctx) {
		all, err = v.all()
	} else {
		all, err = c.listLive(ctx, v)
	}
	if err != nil {
		return nil, c.explain(doing, err)
	}
	slices.SortFunc(all, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return all, nil
}

func (c *Cluster) listLive(ctx context.Context, v *view) (all []*unstructured.Unstructured, err error) {
	err = c.Walk(ctx, v.key.kind, v.key.ns, func(u *unstructured.Unstructured) error {
		all = append(all, u)
		return nil
	})
	return all, err
}

// Read asks the API server for one object, past the view: for Secrets with their data, and for cluster-scoped kinds
// that this identity may get but not list. The object is the caller's own.
func (c *Cluster) Read(ctx context.Context, k Kind, ns, name string) (*unstructured.Unstructured, error) {
	u, err := c.read(ctx, k, ns, name)
	return u, c.explain("read "+c.named(k, ns, name), err)
}

func (c *Cluster) read(ctx context.Context, k Kind, ns, name string) (u *unstructured.Unstructured, err error) {
	err = c.try(ctx, reading, func(ctx context.Context) error {
		u, err = c.dynamic.Resource(k.GVR()).Namespace(ns).Get(ctx, name, metav1.GetOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}
