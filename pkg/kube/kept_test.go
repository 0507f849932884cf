package kube

import (
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
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

func TestWhatAViewHoldsAndCannotGiveIsNotTakenForNotThere(t *testing.T) {
	v := &view{key: viewKey{ConfigMap, "shop"}, informer: cache.NewSharedIndexInformer(&cache.ListWatch{}, &unstructured.Unstructured{}, 0, cache.Indexers{})}
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "web", "namespace": "shop"}}}
	k, err := keep(u)
	if err != nil {
		t.Fatal(err)
	}
	for held, good := range map[any]bool{k: true, u: false, &metav1.PartialObjectMetadata{ObjectMeta: k.ObjectMeta}: false} {
		if err := v.informer.GetIndexer().Replace([]any{held}, ""); err != nil {
			t.Fatal(err)
		}
		one, err := v.get("web")
		all, no := v.all()
		if good != (err == nil && one != nil) || good != (no == nil && len(all) == 1) || !good && (err == nil || no == nil) {
			t.Errorf("%T: %v (%v), all: %v (%v)", held, one, err, all, no)
		}
	}
	if one, err := v.get("api"); one != nil || err != nil {
		t.Errorf("what is not there: %v (%v)", one, err)
	}
}
