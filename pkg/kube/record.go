package kube

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/phase"
)

// Create, Update and Find are for the program's own records (journal, lock): whole objects, live, by compare-and-swap. What
// is written is what is stored, so of the answer only the metadata is asked for: a segment of the journal is large, and is
// written over and over.

// Create makes an object and returns it with the metadata as stored. That it exists already is phase.ErrMoved.
func (c *Cluster) Create(ctx context.Context, obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return c.record(ctx, obj, "create", func(ctx context.Context, k Kind) (*unstructured.Unstructured, error) {
		return c.dynamic.Resource(k.GVR()).Namespace(obj.GetNamespace()).Create(ctx, obj, metav1.CreateOptions{FieldManager: Manager})
	})
}

// Update replaces an object, which carries the resourceVersion it was read at, and returns it with the metadata as stored.
// That it changed or vanished since is phase.ErrMoved.
func (c *Cluster) Update(ctx context.Context, obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if obj.GetResourceVersion() == "" {
		return nil, fmt.Errorf("update %s %s/%s: it takes a resourceVersion", obj.GetKind(), obj.GetNamespace(), obj.GetName())
	}
	return c.record(ctx, obj, "update", func(ctx context.Context, k Kind) (*unstructured.Unstructured, error) {
		return c.dynamic.Resource(k.GVR()).Namespace(obj.GetNamespace()).Update(ctx, obj, metav1.UpdateOptions{FieldManager: Manager})
	})
}

func (c *Cluster) record(ctx context.Context, obj *unstructured.Unstructured, verb string,
	send func(context.Context, Kind) (*unstructured.Unstructured, error),
) (*unstructured.Unstructured, error) {
	k, err := kindOf(obj)
	if err != nil {
		return nil, err
	}
	doing := verb + " " + c.named(k, obj.GetNamespace(), obj.GetName())
	var made *unstructured.Unstructured
	err = c.try(ctx, writing, func(ctx context.Context) (err error) {
		made, err = send(tersely(ctx), k)
		return err
	})
	switch {
	case err == nil:
		stored := without(obj.Object)
		stored["metadata"] = made.Object["metadata"]
		return &unstructured.Unstructured{Object: stored}, nil
	case errors.As(err, new(lost)):
		live, readErr := c.read(ctx, k, obj.GetNamespace(), obj.GetName())
		if readErr == nil && len(Differences(obj, live)) == 0 {
			return live, nil
		}
		return nil, c.explain(doing, fmt.Errorf("it is not clear whether it was written: %w", err))
	case apierrors.IsAlreadyExists(err), apierrors.IsConflict(err), verb == "update" && apierrors.IsNotFound(err):
		return nil, fmt.Errorf("%s: %w (%w)", doing, phase.ErrMoved, err)
	}
	return nil, c.explain(doing, err)
}

// Find lists live the objects that a label selector matches, past the view.
func (c *Cluster) Find(ctx context.Context, k Kind, ns, selector string) (all []*unstructured.Unstructured, err error) {
	err = c.try(ctx, reading, func(ctx context.Context) error {
		list, err := c.dynamic.Resource(k.GVR()).Namespace(ns).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return err
		}
		all = nil
		for i := range list.Items {
			all = append(all, &list.Items[i])
		}
		return nil
	})
	return all, c.explain("find "+c.named(k, ns, ""), err)
}
