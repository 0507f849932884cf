package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"cutover.dev/cutover/pkg/fault"
)

type viewKey struct {
	kind Kind
	ns   string
}

// view is one informer with the knowledge whether it may be believed.
type view struct {
	cluster  *Cluster
	key      viewKey
	informer cache.SharedIndexInformer
	health   *health
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
}

// view starts the view of a kind in a namespace ("" = cluster-scoped, or all) and waits until it has its first list, or
// until that cannot be had, which is then in its health.
func (c *Cluster) view(ctx context.Context, k Kind, ns string) (*view, error) {
	v, err := c.started(viewKey{k, ns})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no first list of %s within %s", c.named(k, ns, ""), c.timeout))
	defer cancel()
	select {
	case <-v.informer.HasSyncedChecker().Done():
		return v, nil
	case <-v.health.firstBreak:
		return v, nil
	case <-c.life.Done():
		return nil, fmt.Errorf("read %s: the connection was closed", c.named(k, ns, ""))
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unsure, "", context.Cause(ctx))
	}
}

// running is the view if there is one, else nil.
func (c *Cluster) running(k Kind, ns string) *view {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.views[viewKey{k, ns}]
}

func (c *Cluster) started(key viewKey) (*view, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.views[key]; v != nil {
		return v, nil
	}
	v := &view{cluster: c, key: key, changed: make(chan struct{}), health: newHealth()}
	if err := v.build(); err != nil {
		return nil, fmt.Errorf("watch %s: %w", c.named(key.kind, key.ns, ""), err)
	}
	c.views[key] = v
	// What goes wrong is in the health and in the answers; client-go's own log would only repeat it to stderr.
	go v.informer.RunWithContext(klog.NewContext(c.life, klog.Logger{}))
	return v, nil
}

func (v *view) build() error {
	var example runtime.Object = &unstructured.Unstructured{}
	var client any = v.cluster.dynamic
	if metadataOnly(v.key.kind) {
		example, client = &metav1.PartialObjectMetadata{}, v.cluster.metadata
	}
	lw := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc:  v.list,
		WatchFuncWithContext: v.watch,
	}, client)
	v.informer = cache.NewSharedIndexInformerWithOptions(lw, example, cache.SharedIndexInformerOptions{
		ObjectDescription: v.key.kind.Kind,
	})
	notify := func(any) { v.notify() }
	_, err := v.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: notify, DeleteFunc: notify, UpdateFunc: func(any, any) { v.notify() },
	})
	return errors.Join(err,
		v.informer.SetTransform(v.slim),
		v.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			if !errors.Is(err, errRelist) {
				v.health.broke(err)
			}
		}))
}

// errRelist makes the reflector list again instead of going on from where a watch broke off.
var errRelist = errors.New("list again after a break")

// list is used by API servers that cannot stream a list. Only a list without a resourceVersion is consistent.
func (v *view) list(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, v.cluster.timeout)
	defer cancel()
	o.ResourceVersion, o.ResourceVersionMatch = "", ""
	var list runtime.Object
	var err error
	if metadataOnly(v.key.kind) {
		list, err = v.cluster.metadata.Resource(v.key.kind.GVR()).Namespace(v.key.ns).List(ctx, o)
	} else {
		list, err = v.cluster.dynamic.Resource(v.key.kind.GVR()).Namespace(v.key.ns).List(ctx, o)
	}
	if err != nil {
		v.health.broke(err)
		return nil, err
	}
	if m, ok := list.(metav1.ListInterface); ok && m.GetContinue() == "" {
		v.health.listed(m.GetResourceVersion())
	}
	return list, nil
}

// watch gives up an API server that does not begin to answer, and one that falls silent in the middle of a streamed list, both
// after half of what a request may take: there is time left to ask again. client-go would wait for ever.
func (v *view) watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	streamed := o.SendInitialEvents != nil && *o.SendInitialEvents
	if streamed {
		o.ResourceVersion = "" // consistent, as in list
	} else if v.health.needsList() {
		return nil, errRelist
	}
	ctx, cancel := context.WithCancel(ctx)
	silence := time.AfterFunc(v.cluster.timeout/2, cancel)
	var w watch.Interface
	var err error
	if metadataOnly(v.key.kind) {
		w, err = v.cluster.metadata.Resource(v.key.kind.GVR()).Namespace(v.key.ns).Watch(ctx, o)
	} else {
		w, err = v.cluster.dynamic.Resource(v.key.kind.GVR()).Namespace(v.key.ns).Watch(ctx, o)
	}
	if err != nil {
		silence.Stop()
		cancel()
		if !streamed { // else the reflector goes on with a plain list, which may be all that the server can do
			v.health.broke(err)
		}
		return nil, err
	}
	listing := streamed && silence.Reset(v.cluster.timeout/2)
	if !listing {
		silence.Stop()
	}
	hear := func(e watch.Event) {
		if v.hear(e) {
			listing = false
			silence.Stop()
		} else if listing {
			silence.Reset(v.cluster.timeout / 2)
		}
	}
	return overhear(w, hear, func() { cancel(); v.health.broke(errors.New("the watch ended")) }), nil
}

// hear looks at every event before the informer does, and reports whether it ends a streamed list.
func (v *view) hear(e watch.Event) bool {
	v.health.sign()
	v.cluster.alive()
	if e.Type != watch.Bookmark {
		return false
	}
	m, ok := e.Object.(metav1.Object)
	if !ok || m.GetAnnotations()[metav1.InitialEventsAnnotationKey] != "true" {
		return false
	}
	v.health.listed(m.GetResourceVersion())
	return true
}

func (v *view) notify() {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *view) change() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// get is an object, nil if there is none.
func (v *view) get(name string) (*unstructured.Unstructured, error) {
	key := name
	if v.key.ns != "" {
		key = v.key.ns + "/" + name
	}
	held, ok, err := v.informer.GetIndexer().GetByKey(key)
	if !ok || err != nil {
		return nil, err
	}
	return given(held)
}

// all are all objects, in no order.
func (v *view) all() (all []*unstructured.Unstructured, err error) {
	for _, held := range v.informer.GetIndexer().List() {
		u, err := given(held)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// believed reports whether the view may answer now. It may ask the API server whether it is alive.
func (v *view) believed(ctx context.Context) bool {
	return v.health.believed(v.informer.GetIndexer().LastStoreSyncResourceVersion()) && v.cluster.lives(ctx, v.key)
}

const (
	fresh = 2 * time.Second // how old the last sign of life of an API server may be when a view answers
	pulse = 5 * time.Second // how long it may take to give one
)

// lives asks the API server for one object's metadata, unless it gave a sign of life lately.
func (c *Cluster) lives(ctx context.Context, key viewKey) bool {
	if c.heardWithin(fresh) {
		return true
	}
	c.asking.Lock()
	defer c.asking.Unlock()
	if c.heardWithin(fresh) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, min(pulse, c.timeout))
	defer cancel()
	_, err := c.metadata.Resource(key.kind.GVR()).Namespace(key.ns).List(ctx, metav1.ListOptions{Limit: 1})
	return err == nil
}
