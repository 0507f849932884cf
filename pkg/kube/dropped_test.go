package kube_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/pkg/kube"
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
