package kube

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"cutover.dev/cutover/pkg/phase"
)

// Delete removes the object with that uid, and in the background what it owns. Gone already is no error; another object
// of the same name is phase.ErrMoved.
func (c *Cluster) Delete(ctx context.Context, k Kind, ns, name string, uid types.UID) error {
	doing := "delete " + c.named(k, ns, name)
	if uid == "" {
		return fmt.Errorf("%s: it takes a uid", doing)
	}
	err := c.remove(ctx, k, ns, name, metav1.Preconditions{UID: &uid})
	switch {
	case apierrors.IsConflict(err) && !errors.As(err, new(lost)):
		return fmt.Errorf("%s: %w (%w)", doing, phase.ErrMoved, err)
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // gone, or replaced since: ours is gone
		err = nil
	}
	if err != nil {
		return c.explain(doing, err)
	}
	return c.explain(doing, c.gone(ctx, k, ns, name, uid))
}

// DeleteUnchanged is Delete for what is not ours: only if the object is at the very resourceVersion that live has.
// Anything newer is phase.ErrMoved.
func (c *Cluster) DeleteUnchanged(ctx context.Context, k Kind, live *unstructured.Unstructured) error {
	ns, name, uid, version := live.GetNamespace(), live.GetName(), live.GetUID(), live.GetResourceVersion()
	doing := "delete " + c.named(k, ns, name)
	if uid == "" || version == "" {
		return fmt.Errorf("%s: it takes a uid and a resourceVersion", doing)
	}
	err := c.remove(ctx, k, ns, name, metav1.Preconditions{UID: &uid, ResourceVersion: &version})
	switch {
	case apierrors.IsNotFound(err):
		err = nil
	case apierrors.IsConflict(err) && !errors.As(err, new(lost)):
		return fmt.Errorf("%s: %w (%w)", doing, phase.ErrMoved, err)
	case apierrors.IsConflict(err): // an earlier try may have marked it for deletion, which is a change too
		return c.explain(doing, fmt.Errorf("it is not clear whether it was deleted: %w", err))
	}
	if err != nil {
		return c.explain(doing, err)
	}
	return c.explain(doing, c.gone(ctx, k, ns, name, uid))
}

func (c *Cluster) remove(ctx context.Context, k Kind, ns, name string, only metav1.Preconditions) error {
	background := metav1.DeletePropagationBackground
	return c.put(ctx, writing, func(ctx context.Context) error {
		return c.dynamic.Resource(k.GVR()).Namespace(ns).Delete(ctx, name,
			metav1.DeleteOptions{Preconditions: &only, PropagationPolicy: &background})
	})
}
