package kube_test

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

func TestAWriteIsInTheViewWhenItReturns(t *testing.T) {
	c, ns := connect(t)
	if all, err := c.List(t.Context(), kube.ConfigMap, ns); err != nil || len(all) != 0 {
		t.Fatalf("%v %v, want nothing", all, err)
	}
	for _, value := range []string{"one", "two", "three"} {
		must(t, c.Apply(t.Context(), own(config(ns, "a", value))))
		u, err := c.Get(t.Context(), kube.ConfigMap, ns, "a")
		must(t, err)
		if got := u.Object["data"].(map[string]any)["key"]; got != value {
			t.Fatalf("view has %v after %q was written", got, value)
		}
	}
	u, _ := c.Get(t.Context(), kube.ConfigMap, ns, "a")
	must(t, c.Patch(t.Context(), kube.ConfigMap, ns, "a", []kube.Op{{Op: "test", Path: "/data/key", Value: "three"}, {Op: "replace", Path: "/data/key", Value: "four"}}))
	if u, err := c.Get(t.Context(), kube.ConfigMap, ns, "a"); err != nil || u.Object["data"].(map[string]any)["key"] != "four" {
		t.Fatalf("view has %v %v after the patch", u, err)
	}
	must(t, c.Delete(t.Context(), kube.ConfigMap, ns, "a", u.GetUID()))
	if _, err := c.Get(t.Context(), kube.ConfigMap, ns, "a"); !apierrors.IsNotFound(err) {
		t.Fatalf("view after delete: %v", err)
	}
	must(t, c.Delete(t.Context(), kube.ConfigMap, ns, "a", u.GetUID())) // gone already
}

func TestWhatIsNoLongerWantedGoesAway(t *testing.T) {
	c, ns := connect(t)
	u := own(config(ns, "a", "x"))
	u.SetAnnotations(map[string]string{"keep": "1", "drop": "1"})
	must(t, c.Apply(t.Context(), u))
	must(t, c.Patch(t.Context(), kube.ConfigMap, ns, "a", []kube.Op{{Op: "add", Path: "/data/patched", Value: "y"}}))
	u = own(config(ns, "a", "x"))
	u.SetAnnotations(map[string]string{"keep": "1"})
	must(t, c.Apply(t.Context(), u))
	live, err := c.Read(t.Context(), kube.ConfigMap, ns, "a")
	must(t, err)
	if a := live.GetAnnotations(); a["keep"] != "1" || a["drop"] != "" {
		t.Errorf("annotations %v", a)
	}
	if _, ok := live.Object["data"].(map[string]any)["patched"]; ok {
		t.Error("what a patch of ours added survived an apply without it")
	}
	if m := live.GetManagedFields(); len(m) != 1 || m[0].Manager != kube.Manager || m[0].Operation != metav1.ManagedFieldsOperationApply {
		t.Errorf("the fields are managed by %v", m)
	}
}

func TestWhatIsNotOursIsNeverOverwritten(t *testing.T) {
	c, ns := connect(t)
	foreign := own(config(ns, "a", "theirs"))
	kube.Own(foreign, "another")
	must(t, c.Apply(t.Context(), foreign))
	err := c.Apply(t.Context(), own(config(ns, "a", "ours")))
	if fault.CodeOf(err) != fault.Refused {
		t.Fatalf("got %v", err)
	}
	t.Log(err)
	live, err := c.Read(t.Context(), kube.ConfigMap, ns, "a")
	must(t, err)
	if live.Object["data"].(map[string]any)["key"] != "theirs" {
		t.Fatal("it was overwritten")
	}
}

func TestChangedSinceItWasReadIsMovedAndNotWritten(t *testing.T) {
	c, ns := connect(t)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
	stale := []kube.Op{{Op: "test", Path: "/data/key", Value: "old"}, {Op: "replace", Path: "/data/key", Value: "new"}}
	if err := c.Patch(t.Context(), kube.ConfigMap, ns, "a", stale); !errors.Is(err, phase.ErrMoved) {
		t.Errorf("a test that does not hold: %v", err)
	}
	if err := c.Patch(t.Context(), kube.ConfigMap, ns, "absent", stale); !errors.Is(err, phase.ErrMoved) {
		t.Errorf("an object that is gone: %v", err)
	}
	missing := []kube.Op{{Op: "test", Path: "/data/none", Value: "old"}, {Op: "replace", Path: "/data/none", Value: "new"}}
	if err := c.Patch(t.Context(), kube.ConfigMap, ns, "a", missing); !errors.Is(err, phase.ErrMoved) {
		t.Errorf("a test of a field that is not there: %v", err)
	}
	if err := c.Delete(t.Context(), kube.ConfigMap, ns, "a", types.UID("5b1c2a90-7c2e-4b0b-8f5e-d2f7c1f0a911")); !errors.Is(err, phase.ErrMoved) {
		t.Errorf("another object of that name: %v", err)
	}
	invalid := []kube.Op{{Op: "test", Path: "/data/key", Value: "x"}, {Op: "replace", Path: "/data/key", Value: 7}}
	if err := c.Patch(t.Context(), kube.ConfigMap, ns, "a", invalid); err == nil || errors.Is(err, phase.ErrMoved) {
		t.Errorf("a patch that makes the object invalid is a mistake of ours: %v", err)
	}
	if u, err := c.Read(t.Context(), kube.ConfigMap, ns, "a"); err != nil || u.Object["data"].(map[string]any)["key"] != "x" {
		t.Errorf("%v %v", u, err)
	}
}
