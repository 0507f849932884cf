package bench

import (
	"context"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"cutover.dev/cutover/pkg/kube"
)

// attend says of every Deployment, as its controller would, that all its replicas are there and ready, and gives the Service of its
// name so many endpoints: before it returns of those that are there, then of others too. New has no pods, and nothing takes time.
func attend(b *testing.B, kubeconfig string) {
	b.Helper()
	c := client(b, kubeconfig)
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(atOnce)
	look := func(o any) {
		if u, ok := o.(*unstructured.Unstructured); ok {
			group.Go(func() error {
				status(ctx, c, u)
				return nil
			})
		}
	}
	informer := watching(b, kubeconfig, kube.Deployment)
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: look, UpdateFunc: func(_, o any) { look(o) }}); err != nil {
		b.Fatal(err)
	}
	go informer.RunWithContext(b.Context())
	if !cache.WaitForCacheSync(b.Context().Done(), informer.HasSynced) {
		b.Fatal("the cluster was never seen whole")
	}
	for slices.ContainsFunc(informer.GetStore().List(), behind) { // the tool would take those for workloads that nobody runs
		time.Sleep(100 * time.Millisecond)
	}
}

// watching is a view of all objects of a kind, which is not begun yet.
func watching(b *testing.B, kubeconfig string, k kube.Kind) cache.SharedIndexInformer {
	b.Helper()
	of := client(b, kubeconfig).Resource(k.GVR())
	return cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return of.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return of.Watch(ctx, o) },
	}, &unstructured.Unstructured{}, 0, nil)
}

// behind: the status is not that of the spec.
func behind(o any) bool {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return false
	}
	n, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
	ready, _, _ := unstructured.NestedInt64(u.Object, "status", "readyReplicas")
	seen, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	return seen != u.GetGeneration() || ready != n
}

// status writes what differs. A write that is refused was about an older state, and another event follows.
func status(ctx context.Context, c *dynamic.DynamicClient, u *unstructured.Unstructured) {
	if !behind(u) {
		return
	}
	n, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
	slice := &unstructured.Unstructured{Object: map[string]any{"addressType": "IPv4", "endpoints": []any{}}}
	slice.SetAPIVersion("discovery.k8s.io/v1")
	slice.SetKind(kube.EndpointSlice.Kind)
	slice.SetName(u.GetName() + "-slice")
	slice.SetLabels(map[string]string{"kubernetes.io/service-name": u.GetName(), "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"})
	var all []any
	for i := range n {
		all = append(all, map[string]any{"addresses": []any{"10.0.0." + string(rune('1'+i))}, "conditions": map[string]any{"ready": true}})
	}
	slice.Object["endpoints"] = all
	_, _ = c.Resource(kube.EndpointSlice.GVR()).Namespace(u.GetNamespace()).Apply(ctx, slice.GetName(), slice, metav1.ApplyOptions{FieldManager: "bench", Force: true})
	u = u.DeepCopy()
	u.Object["status"] = map[string]any{"observedGeneration": u.GetGeneration(), "replicas": n, "updatedReplicas": n, "readyReplicas": n, "availableReplicas": n}
	_, _ = c.Resource(kube.Deployment.GVR()).Namespace(u.GetNamespace()).UpdateStatus(ctx, u, metav1.UpdateOptions{})
}
