package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// page is how many objects one answer of a walk has at most: enough that the way does not count, few enough that the
// largest kinds do not fill the memory.
const page = 500

// Walk passes every object of a kind in a namespace to f, page by page, all as of one moment. It asks the API server and
// keeps nothing, so it is for what is looked at once; of a Secret there is the metadata only.
func (c *Cluster) Walk(ctx context.Context, k Kind, ns string, f func(*unstructured.Unstructured) error) error {
	return c.walk(ctx, k, ns, "", metadataOnly(k), f)
}

// WalkHeads is Walk for the metadata of the objects that a field selector takes.
func (c *Cluster) WalkHeads(ctx context.Context, k Kind, ns, fields string, f func(*unstructured.Unstructured) error) error {
	return c.walk(ctx, k, ns, fields, true, f)
}

func (c *Cluster) walk(ctx context.Context, k Kind, ns, fields string, heads bool, f func(*unstructured.Unstructured) error) error {
	o := metav1.ListOptions{Limit: page, FieldSelector: fields}
	for {
		objects, next, err := c.page(ctx, k, ns, o, heads)
		if err != nil {
			return c.explain("list "+c.named(k, ns, ""), err)
		}
		for _, object := range objects {
			u, err := slim(k, object)
			if err != nil {
				return err
			}
			if err := f(u); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		o.Continue = next
	}
}

func (c *Cluster) page(ctx context.Context, k Kind, ns string, o metav1.ListOptions, heads bool) (all []runtime.Object, next string, err error) {
	err = c.try(ctx, reading, func(ctx context.Context) error {
		all = nil
		if heads {
			list, err := c.metadata.Resource(k.GVR()).Namespace(ns).List(ctx, o)
			if err != nil {
				return err
			}
			for i := range list.Items {
				all = append(all, &list.Items[i])
			}
			next = list.GetContinue()
			return nil
		}
		list, err := c.dynamic.Resource(k.GVR()).Namespace(ns).List(ctx, o)
		if err != nil {
			return err
		}
		for i := range list.Items {
			all = append(all, &list.Items[i])
		}
		next = list.GetContinue()
		return nil
	})
	return all, next, err
}
