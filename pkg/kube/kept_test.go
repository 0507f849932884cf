package kube

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestWhatAViewKeepsIsGivenAsItWasAndToEachHisOwn(t *testing.T) {
	is := func() *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"a": "<&>\u00e9", "b": ""}, "empty": map[string]any{}, "none": nil,
			"metadata": map[string]any{"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": int64(1) << 60},
			"spec":     map[string]any{"list": []any{int64(1), 1.5, true, "x", map[string]any{"deep": []any{}}}},
		}}
	}
	k, err := keep(is())
	if err != nil {
		t.Fatal(err)
	}
	if k.GetName() != "web" || k.GetNamespace() != "shop" || k.GetUID() != "u" || k.GetResourceVersion() != "7" {
		t.Errorf("an informer goes by %+v", k.ObjectMeta)
	}
	for range 2 {
		u, err := k.object()
		if err != nil || !reflect.DeepEqual(u, is()) {
			t.Fatalf("got %v (%v), want %v", u, err, is())
		}
		u.SetName("changed")
		u.Object["data"] = nil
	}
}
