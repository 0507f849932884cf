package kube_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

// misbehaving is a proxy before the server that all tests share, and a connection through it.
func misbehaving(t *testing.T, timeout time.Duration) (*kubetest.Faulty, *kube.Cluster, string) {
	t.Helper()
	f := kubetest.Shared(t).Faulty(t)
	c, err := kube.Connect(t.Context(), "new", f.Kubeconfig, kube.Options{Timeout: timeout})
	must(t, err)
	t.Cleanup(c.Close)
	return f, c, namespace(t, dial(t, kubetest.Shared(t).Kubeconfig)) // past the proxy, and in its own time
}

func TestAWriteWhoseAnswerWasLostIsNeverCalledUnwritten(t *testing.T) {
	f, c, ns := misbehaving(t, 10*time.Second)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
	swap := []kube.Op{{Op: "test", Path: "/data/key", Value: "x"}, {Op: "replace", Path: "/data/key", Value: "y"}}
	f.Obey(func(call kubetest.Call) kubetest.Fault { // it is written, the answer is lost, and nobody can look
		if call.Verb == "patch" {
			return kubetest.Lose
		}
		return kubetest.Answer500
	})
	err := c.Patch(t.Context(), kube.ConfigMap, ns, "a", swap)
	if err == nil || errors.Is(err, phase.ErrMoved) {
		t.Fatalf("got %v", err)
	}
	if twice := f.Twice(); len(twice) > 0 {
		t.Errorf("it did twice %v", twice)
	}
	f.Obey(nil)
	if u, err := c.Read(t.Context(), kube.ConfigMap, ns, "a"); err != nil || u.Object["data"].(map[string]any)["key"] != "y" {
		t.Fatalf("the test did not test what it should: %v %v", u, err)
	}
	f.Obey(kubetest.First(1, "patch configmaps", kubetest.Lose))
	blind := []kube.Op{{Op: "add", Path: "/data/more", Value: "1"}, {Op: "replace", Path: "/data/key", Value: "other"}, {Op: "replace", Path: "/data/key", Value: "last"}}
	if err := c.Patch(t.Context(), kube.ConfigMap, ns, "a", blind); err == nil || errors.Is(err, phase.ErrMoved) {
		t.Errorf("a patch without a test: %v", err)
	}
}

func TestAnAnswerThatIsCutOffIsAskedForAgainAndNobodyElseTellsOfIt(t *testing.T) {
	f, c, ns := misbehaving(t, 10*time.Second)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
	var told bytes.Buffer
	klog.LogToStderr(false)
	klog.SetOutput(&told)
	defer klog.LogToStderr(true)
	f.Obey(kubetest.First(1, "get configmaps", kubetest.Cut))
	_, err := c.Read(t.Context(), kube.ConfigMap, ns, "a")
	must(t, err)
	klog.Flush()
	if len(f.Met()) != 1 || told.Len() > 0 {
		t.Errorf("%d answers were cut off; on stderr: %s", len(f.Met()), &told)
	}
}

// A load balancer that takes a connection and leads it nowhere: the next request finds the server.
func TestAViewGetsOverAStreamThatNeverBegins(t *testing.T) {
	for _, first := range []int{1, 2} { // of the streamed list alone, and of the plain one after it too
		f, c, ns := misbehaving(t, 4*time.Second)
		must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
		left := first
		f.Obey(func(call kubetest.Call) kubetest.Fault {
			if call.Resource == "services" && left > 0 {
				left--
				return kubetest.Hang
			}
			return ""
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for {
			_, err := c.List(ctx, kube.Service, ns)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
		if hung := len(f.Met()); hung != first {
			t.Errorf("%d requests hung, want %d", hung, first)
		}
	}
}

func TestAHangingServerIsCouldNotTell(t *testing.T) {
	f, c, ns := misbehaving(t, 3*time.Second)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
	_, err := c.Get(t.Context(), kube.ConfigMap, ns, "a")
	must(t, err)
	f.Obey(func(kubetest.Call) kubetest.Fault { return kubetest.Hang }) // the watch stays open and says nothing
	t.Log(untilUnsure(t, c, ns))
}
