package reach_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/reach"
)

const space = "dialling"

// cluster is a real API server with a namespace that lets no pod in which could do more than a relay, and a kubelet that says
// of every pod that it runs, and starts a relay with the arguments of the pod on the loopback.
type cluster struct {
	*kube.Cluster
	t      *testing.T
	client dynamic.Interface
	broken atomic.Bool // pods end at once
}

func clusterWith(t *testing.T) *cluster {
	t.Helper()
	config := kubetest.Lend(t).Kubeconfig
	k, err := kube.Connect(t.Context(), "old", config, kube.Options{})
	must(t, err)
	t.Cleanup(k.Close)
	rest, err := clientcmd.BuildConfigFromFlags("", config)
	must(t, err)
	client, err := dynamic.NewForConfig(rest)
	must(t, err)
	ns, err := kube.From(kube.Namespace, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: space, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}})
	must(t, err)
	_, err = client.Resource(kube.Namespace.GVR()).Create(t.Context(), ns, metav1.CreateOptions{})
	must(t, err)
	c := &cluster{Cluster: k, t: t, client: client}
	go c.kubelet(t.Context())
	return c
}

func (c *cluster) kubelet(ctx context.Context) {
	pods := c.client.Resource(kube.Pod.GVR()).Namespace(space)
	watch, err := pods.Watch(ctx, metav1.ListOptions{})
	if err != nil {
		c.t.Error(err)
		return
	}
	for e := range watch.ResultChan() {
		u, ok := e.Object.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		p, err := kube.As[corev1.Pod](u)
		switch {
		case err != nil || p.Status.Phase != corev1.PodPending:
			continue
		case c.broken.Load():
			p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "the node was low on memory"
		default:
			p.Status.Phase = corev1.PodRunning
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "relay", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}}}
		}
		if u.Object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(p); err == nil {
			u.SetGroupVersionKind(kube.Pod.GVK())
			_, err = pods.UpdateStatus(ctx, u, metav1.UpdateOptions{})
		}
		if err != nil && ctx.Err() == nil {
			c.t.Logf("the kubelet: %v", err) // another event follows
		}
	}
}

func (c *cluster) pods() (all []corev1.Pod) {
	c.t.Helper()
	list, err := c.client.Resource(kube.Pod.GVR()).Namespace(space).List(c.t.Context(), metav1.ListOptions{})
	must(c.t, err)
	for i := range list.Items {
		p, err := kube.As[corev1.Pod](&list.Items[i])
		must(c.t, err)
		if p.DeletionTimestamp == nil {
			all = append(all, *p)
		}
	}
	return all
}

// options are of a relay whose port-forward is a dial to a relay on the loopback that has the pod's own arguments.
func (c *cluster) options(of string, allow ...string) reach.Options {
	return reach.Options{
		Cluster: c.Cluster, Plan: "demo", Namespace: space, Image: "registry.example.com/cutover:1", Allow: allow, Of: of, Run: "the run",
		Tunnel: func(ns, name string, port int) reach.Tunnel {
			return tunnel(func(ctx context.Context) (net.Conn, error) {
				u, err := c.client.Resource(kube.Pod.GVR()).Namespace(ns).Get(ctx, name, metav1.GetOptions{})
				if err != nil || port != reach.Port {
					return nil, errors.Join(errors.New("no such pod"), err)
				}
				p, err := kube.As[corev1.Pod](u)
				if err != nil {
					return nil, err
				}
				args := p.Spec.Containers[0].Args
				s, err := reach.NewServer(args[slices.Index(args, "--token-sha256")+1], strings.Split(args[slices.Index(args, "--allow")+1], ","))
				if err != nil {
					return nil, err
				}
				l := listen(c.t)
				go func() { _ = s.Serve(c.t.Context(), l) }()
				return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
			})
		},
	}
}

// tunnel is a port-forward that is a plain dial.
type tunnel func(context.Context) (net.Conn, error)

func (t tunnel) Dial(ctx context.Context) (net.Conn, error) { return t(ctx) }
func (t tunnel) Close()                                     {}

func TestARelayIsAPodThatMayDoNothingAndShowsNoToken(t *testing.T) {
	c := clusterWith(t)
	at := destination(t, func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "hello") })
	pod, dialer := reach.NewPod(c.options(reach.OfRun, "tcp/"+at))
	if n := len(c.pods()); n != 0 {
		t.Fatalf("%d pods before anybody dials", n)
	}
	got, err := io.ReadAll(dial(t, dialer, "tcp", at))
	if err != nil || string(got) != "hello" {
		t.Fatalf("%q %v", got, err)
	}
	pods := c.pods()
	if len(pods) != 1 {
		t.Fatalf("%d pods", len(pods))
	}
	p := pods[0] // the API server let it into a restricted namespace
	if len(p.Spec.Volumes) != 0 || *p.Spec.AutomountServiceAccountToken || !*p.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem ||
		p.Spec.ActiveDeadlineSeconds == nil || len(p.Spec.Containers[0].Resources.Limits) != 2 {
		t.Errorf("%+v", p.Spec)
	}
	if listen := p.Spec.Containers[0].Args[2]; !strings.HasPrefix(listen, "127.0.0.1:") {
		t.Errorf("it listens on %s", listen)
	}
	if p.Labels[kube.LabelManaged] != kube.Manager || p.Labels[kube.LabelPlan] != "demo" {
		t.Errorf("its labels are %v", p.Labels)
	}
	must(t, pod.Remove(t.Context()))
	if left := c.pods(); len(left) != 0 {
		t.Errorf("left: %d", len(left))
	}
	if _, err := dialer.DialContext(t.Context(), "tcp", at); err == nil || len(c.pods()) != 0 {
		t.Errorf("after its end it was made again: %v", err)
	}
}

func TestARelayThatIsGoneIsMadeAgain(t *testing.T) {
	c := clusterWith(t)
	at := destination(t, func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "hello") })
	_, dialer := reach.NewPod(c.options(reach.OfRun, "tcp/"+at))
	_, err := io.ReadAll(dial(t, dialer, "tcp", at))
	must(t, err)
	first := c.pods()[0].Name
	now := int64(0)
	must(t, c.client.Resource(kube.Pod.GVR()).Namespace(space).Delete(t.Context(), first, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	got, err := io.ReadAll(dial(t, dialer, "tcp", at))
	if err != nil || string(got) != "hello" {
		t.Fatalf("%q %v", got, err)
	}
	if pods := c.pods(); len(pods) != 1 || pods[0].Name == first {
		t.Errorf("%d pods", len(pods))
	}
}

func TestARelayThatDoesNotStartSaysWhy(t *testing.T) {
	c := clusterWith(t)
	c.broken.Store(true)
	pod, _ := reach.NewPod(c.options(reach.OfRun, "tcp/192.0.2.1:80"))
	if err := pod.Start(t.Context()); fault.CodeOf(err) != fault.Unsure || !strings.Contains(err.Error(), "Evicted") {
		t.Errorf("a pod that ends: %v", err)
	}
	o := c.options(reach.OfRun, "tcp/192.0.2.1:80")
	o.Namespace = "nowhere"
	pod, _ = reach.NewPod(o)
	if err := pod.Start(t.Context()); fault.CodeOf(err) != fault.Refused || len(fault.Hints(err)) == 0 || !strings.Contains(err.Error(), "namespace nowhere is missing in old") {
		t.Errorf("no namespace: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pod, _ = reach.NewPod(c.options(reach.OfRun, "tcp/192.0.2.1:80"))
	if err := pod.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
}

func TestWhoHoldsTheLockRemovesWhatDeadRunsLeft(t *testing.T) {
	c := clusterWith(t)
	for _, of := range []string{reach.OfRun, reach.OfLook} {
		pod, _ := reach.NewPod(c.options(of, "tcp/192.0.2.1:80"))
		err := pod.Start(t.Context())
		must(t, err)
	}
	c.broken.Store(true)
	over, _ := reach.NewPod(c.options(reach.OfLook, "tcp/192.0.2.1:80"))
	if err := over.Start(t.Context()); err == nil {
		t.Fatal("it runs")
	}
	other := c.options(reach.OfRun, "tcp/192.0.2.1:80")
	other.Plan = "other"
	c.broken.Store(false)
	pod, _ := reach.NewPod(other)
	err := pod.Start(t.Context())
	must(t, err)
	must(t, reach.Sweep(t.Context(), c.Cluster, space, "demo"))
	var left []string
	for _, p := range c.pods() {
		left = append(left, p.Labels[kube.LabelPlan]+"/"+p.Labels[reach.LabelRelay])
	}
	slices.Sort(left)
	if want := []string{"demo/look", "other/run"}; !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
}
