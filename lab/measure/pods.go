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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

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

// errEnded says that what came after a watch was not seen.
var errEnded = errors.New("the API server has no more to tell from there on")

// watchPods begins to look. Whoever begins has to stop, unless it is an error.
func (m *measuring) watchPods(ctx context.Context) (*podWatch, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &podWatch{end: cancel, group: &errgroup.Group{}, lives: map[string]life{}}
	for _, c := range world.Clusters() {
		pods, version, err := podsOf(ctx, m.world.Kubeconfig(c, world.UserAdmin))
		if err != nil {
			cancel()
			return nil, fmt.Errorf("watch the pods of %s: %w", c.Name, err)
		}
		p.group.Go(func() error {
			if err := p.follow(ctx, c.Name, pods, version); ctx.Err() == nil {
				return fmt.Errorf("watch the pods of %s: %w", c.Name, err)
			}
			return nil
		})
	}
	return p, nil
}

func podsOf(ctx context.Context, kubeconfig string) (pods typedcorev1.PodInterface, version string, err error) {
	client, err := objects.Connect(kubeconfig)
	if err != nil {
		return nil, "", err
	}
	pods = client.Kube.CoreV1().Pods(space)
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, "", err
	}
	return pods, list.ResourceVersion, nil
}

// follow sees all that happens to the pods. The client ends each watch after a while; the next one goes on where it was.
func (p *podWatch) follow(ctx context.Context, cluster string, pods typedcorev1.PodInterface, version string) error {
	for {
		w, err := pods.Watch(ctx, metav1.ListOptions{ResourceVersion: version})
		if err != nil {
			return err
		}
		for e := range w.ResultChan() {
			pod, ok := e.Object.(*corev1.Pod)
			if !ok {
				w.Stop()
				return fmt.Errorf("%w: %v", errEnded, apierrors.FromObject(e.Object))
			}
			version = pod.ResourceVersion
			p.see(cluster, e.Type, pod)
		}
	}
}

// see notes what a pod has come to, once each.
func (p *podWatch) see(cluster string, what watch.EventType, pod *corev1.Pod) {
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
		first(&l.gone, what == watch.Deleted)
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
