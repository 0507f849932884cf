package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/world"
)

// life is when the pod of a workload was first seen to be there and to be ready in new, and to be ending and gone in old.
type life struct{ made, ready, ending, gone time.Time }

// podWatch looks at the pods of both clusters.
type podWatch struct {
	end   context.CancelFunc
	group *errgroup.Group
	mu    sync.Mutex
	lives map[string]life // by workload
}

// errEnded says that an API server ended a watch: what came after it was not seen.
var errEnded = errors.New("the watch of the pods ended before its time")

// watchPods begins to look. Whoever begins has to stop, unless it is an error.
func (m *measuring) watchPods(ctx context.Context) (*podWatch, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &podWatch{end: cancel, group: &errgroup.Group{}, lives: map[string]life{}}
	for _, c := range world.Clusters() {
		w, err := watchIn(ctx, m.world.Kubeconfig(c, world.UserAdmin))
		if err != nil {
			cancel()
			return nil, fmt.Errorf("watch the pods of %s: %w", c.Name, err)
		}
		p.group.Go(func() error {
			for e := range w.ResultChan() {
				p.see(c.Name, e)
			}
			if ctx.Err() == nil {
				return fmt.Errorf("%s: %w", c.Name, errEnded)
			}
			return nil
		})
	}
	return p, nil
}

func watchIn(ctx context.Context, kubeconfig string) (watch.Interface, error) {
	client, err := objects.Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	pods := client.Kube.CoreV1().Pods(space)
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	forLong := int64(time.Hour / time.Second)
	return pods.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion, TimeoutSeconds: &forLong})
}

// see notes what a pod has come to, once each.
func (p *podWatch) see(cluster string, e watch.Event) {
	pod, ok := e.Object.(*corev1.Pod)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	workload := pod.Labels["app"]
	l := p.lives[workload]
	first := func(at *time.Time, is bool) {
		if is && at.IsZero() {
			*at = time.Now()
		}
	}
	if cluster == world.New.Name {
		first(&l.made, true)
		first(&l.ready, isReady(pod))
	} else {
		first(&l.ending, pod.DeletionTimestamp != nil)
		first(&l.gone, e.Type == watch.Deleted)
	}
	p.lives[workload] = l
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// seen is what was seen so far, by workload.
func (p *podWatch) seen() map[string]life {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.lives)
}

// stop ends the looking. Its error says that not everything was seen.
func (p *podWatch) stop() error {
	p.end()
	return p.group.Wait()
}
