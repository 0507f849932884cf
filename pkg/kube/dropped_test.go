package kube_test

import (
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

// A copy of what lost a key after it was copied: a pod that started later would read the key that is not there any more.
func TestWhatTheOriginalHasLostDoesNotStayInItsCopy(t *testing.T) {
	c, ns, around, _ := living(t)
	config, err := clientcmd.BuildConfigFromFlags("", around.Kubeconfig)
	must(t, err)
	somebody, err := dynamic.NewForConfig(config)
	must(t, err)
	for _, k := range []kube.Kind{kube.ConfigMap, kube.Secret} {
		of := func(values map[string]any) *unstructured.Unstructured {
			return object(k, ns, "copy", map[string]any{"data": values})
		}
		must(t, c.Apply(t.Context(), own(of(map[string]any{"kept": "YQ==", "lost": "Yg=="}))))
		theirs := []byte(`{"data": {"theirs": "Yw=="}}`)
		_, err := somebody.Resource(k.GVR()).Namespace(ns).Patch(t.Context(), "copy", types.MergePatchType, theirs, metav1.PatchOptions{FieldManager: "kubectl-edit"})
		must(t, err)
		s := objectStep(c, of(map[string]any{"kept": "YQ=="}))()
		o, err := s.Observe(t.Context())
		if err != nil || o.State != phase.Pending || !strings.Contains(o.Detail, "data.lost") || strings.Contains(o.Detail, "theirs") {
			t.Fatalf("%s: %v %+v", k.Kind, err, o)
		}
		must(t, s.Apply(t.Context()))
		live, err := c.Read(t.Context(), k, ns, "copy")
		must(t, err)
		data, _, _ := unstructured.NestedStringMap(live.Object, "data")
		if _, lost := data["lost"]; lost || data["kept"] != "YQ==" || data["theirs"] != "Yw==" {
			t.Errorf("%s has %v", k.Kind, data)
		}
		if o, err := s.Observe(t.Context()); err != nil || o.State != phase.Done {
			t.Errorf("%s, then: %v %+v", k.Kind, err, o)
		}
	}
}

// Nothing but a key is to go, and no answer says that it went.
func TestAKeyThatIsStillThereWasNotTakenOut(t *testing.T) {
	server := kubetest.Shared(t)
	direct, ns := connect(t)
	f := server.Faulty(t)
	c := dial(t, f.Kubeconfig)
	both := object(kube.ConfigMap, ns, "copy", map[string]any{"data": map[string]any{"kept": "a", "lost": "b"}})
	must(t, direct.Apply(t.Context(), own(both)))
	one := func() *unstructured.Unstructured {
		return own(object(kube.ConfigMap, ns, "copy", map[string]any{"data": map[string]any{"kept": "a"}}))
	}
	f.Obey(kubetest.First(5, "apply configmaps", kubetest.Answer500))
	if err := c.Apply(t.Context(), one()); err == nil || len(f.Met()) != 5 {
		t.Errorf("it is taken for written after %v (%v)", f.Met(), err)
	}
	f.Obey(kubetest.First(1, "apply configmaps", kubetest.Lose))
	must(t, c.Apply(t.Context(), one()))
	if live, err := direct.Read(t.Context(), kube.ConfigMap, ns, "copy"); err != nil || len(live.Object["data"].(map[string]any)) != 1 {
		t.Errorf("it is %v (%v)", live, err)
	}
}

// A key that was added to what was ours before goes on the way back.
func TestAKeyThatWasAddedGoesOnTheWayBack(t *testing.T) {
	c, ns := connect(t)
	of := func(values map[string]any) *unstructured.Unstructured {
		return object(kube.ConfigMap, ns, "copy", map[string]any{"data": values})
	}
	must(t, c.Apply(t.Context(), own(of(map[string]any{"kept": "a"}))))
	s := objectStep(c, of(map[string]any{"kept": "a", "added": "b"}))()
	o, err := s.Observe(t.Context())
	must(t, err)
	must(t, s.Apply(t.Context()))
	if back, err := s.Reverted(t.Context(), o.Was); err != nil || back.State != phase.Pending || !strings.Contains(back.Detail, "data.added") {
		t.Errorf("before it is taken back: %v %+v", err, back)
	}
	must(t, s.Revert(t.Context(), o.Was))
	if back, err := s.Reverted(t.Context(), o.Was); err != nil || back.State != phase.Done {
		t.Errorf("afterwards: %v %+v", err, back)
	}
	if live, err := c.Read(t.Context(), kube.ConfigMap, ns, "copy"); err != nil || len(live.Object["data"].(map[string]any)) != 1 {
		t.Errorf("it is %v (%v)", live, err)
	}
}

// However we came to own a key that is dropped, one apply settles it: it goes, or it is another's who wants it as well.
func TestADroppedKeyIsNotWaitedForWhoeverElseKeepsIt(t *testing.T) {
	c, ns, around, _ := living(t)
	config, err := clientcmd.BuildConfigFromFlags("", around.Kubeconfig)
	must(t, err)
	client, err := dynamic.NewForConfig(config)
	must(t, err)
	maps := client.Resource(kube.ConfigMap.GVR()).Namespace(ns)
	of := func(values map[string]any) *unstructured.Unstructured {
		return object(kube.ConfigMap, ns, "copy", map[string]any{"data": values})
	}
	must(t, c.Apply(t.Context(), own(of(map[string]any{"kept": "a", "made": "b", "shared": "c", "taken": "d"})))) // a POST
	must(t, c.Apply(t.Context(), own(of(map[string]any{"kept": "a", "made": "b", "shared": "c", "taken": "d", "applied": "e"}))))
	must(t, c.Patch(t.Context(), kube.ConfigMap, ns, "copy", []kube.Op{{Op: "add", Path: "/data/patched", Value: "f"}})) // an entry "Update" of ours
	_, err = maps.Apply(t.Context(), "copy", of(map[string]any{"shared": "c"}), metav1.ApplyOptions{FieldManager: "another"})
	must(t, err)
	_, err = maps.Patch(t.Context(), "copy", types.MergePatchType, []byte(`{"data": {"taken": "theirs"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	must(t, err)
	c = dial(t, around.Kubeconfig) // which sees at once what the others wrote
	s := objectStep(c, of(map[string]any{"kept": "a"}))()
	o, err := s.Observe(t.Context())
	if err != nil || o.State != phase.Pending || !strings.Contains(o.Detail, "data.applied, data.made, data.patched, data.shared") || strings.Contains(o.Detail, "taken") {
		t.Fatalf("%v %+v", err, o)
	}
	must(t, s.Apply(t.Context()))
	if o, err := s.Observe(t.Context()); err != nil || o.State != phase.Done {
		t.Errorf("then: %v %+v", err, o)
	}
	live, err := c.Read(t.Context(), kube.ConfigMap, ns, "copy")
	must(t, err)
	want := map[string]any{"kept": "a", "shared": "c", "taken": "theirs"}
	if got := live.Object["data"]; !reflect.DeepEqual(got, want) {
		t.Errorf("it has %v, want %v", got, want)
	}
}
