package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/faulty"
	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/rehearse"
	lab "cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

// faults puts a proxy before each API server, for the tool alone.
func (r *rig) faults(t *testing.T) *faults {
	t.Helper()
	f := &faults{rig: r, at: map[string]*faulty.Proxy{}}
	for _, c := range world.Clusters() {
		p, err := faulty.Start(r.world.Kubeconfig(c, world.UserRun))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		f.at[c.Name] = p
	}
	return f
}

// through runs f with the tool behind the proxies.
func (f *faults) through(t *testing.T, do func()) {
	t.Helper()
	direct, env := f.tool, map[string]string{}
	for name, p := range f.at {
		config, err := p.Kubeconfig()
		path := filepath.Join(t.TempDir(), "kubeconfig")
		if err == nil {
			err = os.WriteFile(path, config, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		env["CUTOVER_"+strings.ToUpper(name)+"_KUBECONFIG"] = path
	}
	f.tool = f.tool.With(env)
	defer func() { f.tool = direct }()
	do()
}

// obey gives both proxies the same rules, and begins new logs.
func (f *faults) obey(rules ...faulty.Rule) {
	for _, p := range f.at {
		p.Forget()
		p.Obey(rules...)
	}
}

// doubled wants no write to have been sent twice that could have been done twice.
func (f *faults) doubled(t *testing.T) {
	t.Helper()
	for name, p := range f.at {
		for _, c := range faulty.Doubled(p.Calls(), time.Minute) {
			t.Errorf("sent twice to %s, though nothing guards it: %s", name, c)
		}
	}
}

// since is what was sent since then and is of a sort, to either cluster.
func (f *faults) since(at time.Time, of func(faulty.Call) bool) (calls []faulty.Call) {
	for _, p := range f.at {
		for _, c := range p.Calls() {
			if c.At.After(at) && of(c) {
				calls = append(calls, c)
			}
		}
	}
	return calls
}

// ownMemory: what the tool itself keeps, its lock, its journal, its inventory.
func ownMemory(c faulty.Call) bool {
	return c.Namespace == world.SystemSpace && (c.Resource == "leases" || c.Resource == "configmaps") && strings.HasPrefix(c.Name, "cutover-demo")
}

// strike runs a verb and does something as soon as a line of its narration is there, before the tool goes on to the next.
func (r *rig) strike(t *testing.T, when func(rehearse.Line) bool, do func(), verb string, args ...string) *running {
	t.Helper()
	done := false
	return r.begin(t, r.tool, nil, func(l rehearse.Line) bool {
		if done || !when(l) {
			return false
		}
		done = true
		do()
		return true
	}, verbLine(r.tool, verb, args...)...)
}

// servers knows the process of a cluster's API server.
type server struct {
	rig     *rig
	cluster world.Cluster
	pid     int
	argv    []string
}

func (r *rig) server(t *testing.T, c world.Cluster) *server {
	t.Helper()
	p, err := lab.Find(r.world, c.Name+"-apiserver")
	if err != nil {
		t.Fatal(err)
	}
	return &server{rig: r, cluster: c, pid: p.PID, argv: p.Argv}
}

// signal sends it a signal. It may be called while a process of the tool is being heard, so it does not end the test.
func (s *server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.pid, sig); err != nil {
		t.Errorf("send %s to the API server of %s: %v", sig, s.cluster.Name, err)
	}
}

// restart starts it again after it was killed, and waits until the cluster is at work.
func (s *server) restart(t *testing.T) {
	t.Helper()
	err := lab.Join(t.Context(), s.rig.world, proc.Daemon{
		Name: s.cluster.Name + "-apiserver", Net: s.cluster.Net(), MountFile: s.rig.world.MountFile(s.cluster), Argv: s.argv,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.atWork(t)
}

// atWork waits until it is ready, and controllers, scheduler and node have all found out: they ask a server that was away
// again after up to a minute each, and do nothing until then. A Deployment that nobody knows yet becomes available only with all of them.
func (s *server) atWork(t *testing.T) {
	t.Helper()
	s.answers(t)
	name, labels := metav1.ObjectMeta{Name: "canary"}, map[string]string{"app": "canary"}
	deployments := s.rig.client(t, s.cluster).AppsV1().Deployments("default")
	_, err := deployments.Create(t.Context(), &appsv1.Deployment{ObjectMeta: name, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "pause", Image: cache.PauseImage}}},
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.rig.until(t, "the controllers of "+s.cluster.Name+" are at work", 3*settled, func() error {
		d, err := deployments.Get(t.Context(), name.Name, metav1.GetOptions{})
		if err != nil || d.Status.AvailableReplicas == 0 {
			return fmt.Errorf("%v: %+v", err, d.Status)
		}
		return nil
	})
	if err := deployments.Delete(t.Context(), name.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// answers waits until it is ready.
func (s *server) answers(t *testing.T) {
	t.Helper()
	client := s.rig.client(t, s.cluster)
	s.rig.until(t, "the API server of "+s.cluster.Name+" is ready", settled, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}
