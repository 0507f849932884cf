package kubetest

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// What the controllers here make carries the mark that the one for EndpointSlices has in every cluster.
const (
	byController = "endpointslice.kubernetes.io/managed-by"
	controller   = "endpointslice-controller.k8s.io"
)

// controllers say of every workload that all its replicas are there and ready, and give every Service with a selector a
// slice with that many endpoints. There are no Pods, nothing takes time and nothing fails: what is real here is that the
// status comes after the write and is another one's.
type controllers struct {
	c     *Cluster
	mu    sync.Mutex
	store map[string]cache.Store // what is known, by kind
}

// control starts them; they end with the test.
func (c *Cluster) control() {
	for _, ns := range c.namespaces {
		k := &controllers{c: c, store: map[string]cache.Store{}}
		on := cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { k.all(ns) }, UpdateFunc: func(any, any) { k.all(ns) }, DeleteFunc: func(any) { k.all(ns) },
		}
		k.mu.Lock() // until all are known
		for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet", "Service", "EndpointSlice"} {
			of := c.of(kind, ns)
			informer := cache.NewSharedIndexInformer(&cache.ListWatch{
				ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return of.List(ctx, o) },
				WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return of.Watch(ctx, o) },
			}, &unstructured.Unstructured{}, 0, nil)
			if _, err := informer.AddEventHandler(on); err != nil {
				c.t.Fatal(err)
			}
			k.store[kind] = informer.GetStore()
			go informer.RunWithContext(c.t.Context())
			cache.WaitForCacheSync(c.t.Context().Done(), informer.HasSynced)
		}
		k.mu.Unlock()
	}
}

func (k *controllers) list(kind string) (all []*unstructured.Unstructured) {
	for _, o := range k.store[kind].List() {
		if u, ok := o.(*unstructured.Unstructured); ok {
			all = append(all, u)
		}
	}
	return all
}

func (k *controllers) get(kind, ns, name string) *unstructured.Unstructured {
	o, _, _ := k.store[kind].GetByKey(ns + "/" + name) // a store in memory has no errors
	u, _ := o.(*unstructured.Unstructured)
	return u
}

// all looks at everything after each event. A write that is refused was about an older state, and another event follows.
func (k *controllers) all(ns string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ready := map[string]int64{} // by Service
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		for _, u := range k.list(kind) {
			n := size(u)
			k.status(u, n)
			pods, _, _ := unstructured.NestedStringMap(u.Object, "spec", "template", "metadata", "labels")
			for _, s := range k.list("Service") {
				selector, _, _ := unstructured.NestedStringMap(s.Object, "spec", "selector")
				if len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(pods)) {
					ready[s.GetName()] += n
				}
			}
		}
	}
	for _, s := range k.list("Service") {
		if selector, _, _ := unstructured.NestedStringMap(s.Object, "spec", "selector"); len(selector) > 0 {
			k.slice(ns, s, ready[s.GetName()])
		}
	}
	for _, u := range k.list("EndpointSlice") {
		if u.GetLabels()[byController] == controller && k.get("Service", ns, u.GetLabels()["kubernetes.io/service-name"]) == nil {
			_ = k.c.of("EndpointSlice", ns).Delete(k.c.t.Context(), u.GetName(), metav1.DeleteOptions{})
		}
	}
}

// size is how many pods a workload has: of a DaemonSet one, on the only node, which has no labels.
func size(u *unstructured.Unstructured) int64 {
	if u.GetKind() != "DaemonSet" {
		n, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
		return n
	}
	if selector, _, _ := unstructured.NestedMap(u.Object, "spec", "template", "spec", "nodeSelector"); len(selector) > 0 {
		return 0
	}
	return 1
}

func (k *controllers) status(u *unstructured.Unstructured, n int64) {
	status := map[string]any{"observedGeneration": u.GetGeneration()}
	counts := []string{"replicas", "updatedReplicas", "readyReplicas", "availableReplicas"}
	if u.GetKind() == "DaemonSet" {
		counts = []string{"desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable"}
	}
	same := true
	for _, field := range append(counts, "observedGeneration") {
		if field != "observedGeneration" {
			status[field] = n
		}
		now, _, _ := unstructured.NestedInt64(u.Object, "status", field)
		same = same && now == status[field]
	}
	if same {
		return
	}
	u = u.DeepCopy()
	if u.GetKind() == "DaemonSet" {
		status["numberMisscheduled"] = int64(0)
	}
	u.Object["status"] = status
	_, _ = k.c.of(u.GetKind(), u.GetNamespace()).UpdateStatus(k.c.t.Context(), u, metav1.UpdateOptions{})
}

func (k *controllers) slice(ns string, service *unstructured.Unstructured, n int64) {
	name := service.GetName() + "-slice"
	want := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": []any{},
	}}
	want.SetName(name)
	want.SetNamespace(ns)
	want.SetLabels(map[string]string{byController: controller, "kubernetes.io/service-name": service.GetName()})
	endpoints := []any{}
	for i := range n {
		endpoints = append(endpoints, map[string]any{"addresses": []any{fmt.Sprintf("10.0.0.%d", i+1)}, "conditions": map[string]any{"ready": true}})
	}
	want.Object["endpoints"] = endpoints
	live := k.get("EndpointSlice", ns, name)
	if live == nil {
		_, _ = k.c.of("EndpointSlice", ns).Create(k.c.t.Context(), want, metav1.CreateOptions{})
		return
	}
	if had, _, _ := unstructured.NestedSlice(live.Object, "endpoints"); len(had) == len(endpoints) && (len(had) == 0 || reflect.DeepEqual(had, endpoints)) {
		return
	}
	want.SetResourceVersion(live.GetResourceVersion())
	_, _ = k.c.of("EndpointSlice", ns).Update(k.c.t.Context(), want, metav1.UpdateOptions{})
}
