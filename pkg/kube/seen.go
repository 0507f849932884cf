package kube

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// seen returns when the view, if one runs, knows what was written. A view that breaks meanwhile is not waited for: it
// is not believed until it has listed again, and what is written is in that list.
func (c *Cluster) seen(ctx context.Context, k Kind, made *unstructured.Unstructured) error {
	return c.await(ctx, k, made.GetNamespace(), func(v *view) bool {
		return reached(v.informer.GetIndexer().LastStoreSyncResourceVersion(), made.GetResourceVersion())
	})
}

// gone returns when the view knows that the object with that uid is deleted, or is being deleted.
func (c *Cluster) gone(ctx context.Context, k Kind, ns, name string, uid types.UID) error {
	return c.await(ctx, k, ns, func(v *view) bool {
		u, err := v.get(name)
		return err == nil && (u == nil || u.GetUID() != uid || u.GetDeletionTimestamp() != nil)
	})
}

func (c *Cluster) await(ctx context.Context, k Kind, ns string, known func(*view) bool) error {
	v := c.running(k, ns)
	if v == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("the watch did not show the write within %s", c.timeout))
	defer cancel()
	for {
		changed, broken := v.change(), v.health.whenBroken()
		if known(v) || broken == nil {
			return nil
		}
		select {
		case <-changed:
		case <-broken:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
