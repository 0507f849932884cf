package inventory_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/inventory"
)

func TestASealIsOfOneObjectAndOfWhatNobodyElseComparesInIt(t *testing.T) {
	object := func(kind, uid string, fields map[string]any) string {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": kind, "metadata": map[string]any{"name": "web", "uid": uid}}}
		for name, v := range fields {
			u.Object[name] = v
		}
		s, err := inventory.Seal(u)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one := map[string]any{"data": map[string]any{"LEVEL": "1"}, "spec": map[string]any{"replicas": int64(1)}}
	two := map[string]any{"data": map[string]any{"LEVEL": "2"}, "spec": map[string]any{"replicas": int64(0)}}
	if object("ConfigMap", "a", one) == object("ConfigMap", "a", two) || object("ConfigMap", "a", one) == object("ConfigMap", "b", one) {
		t.Error("another ConfigMap has the same seal")
	}
	if object("Deployment", "a", one) != object("Deployment", "a", two) {
		t.Error("a Deployment that was scaled to 0 is another one")
	}
	if object("Deployment", "a", one) == object("Deployment", "b", one) {
		t.Error("a Deployment that was made anew is the same")
	}
	if object("Deployment", "", one) != "" {
		t.Error("an object without uid has a seal")
	}
}

func TestSealsAreFrozenAndAreNoPartOfWhatCompareLooksAt(t *testing.T) {
	c := read(t, "testdata/good.yaml")
	bare := take(t, c, "shop")
	if len(bare.Seals) != 0 {
		t.Errorf("objects without uid have the seals %v", bare.Seals)
	}
	c.find(t, "Deployment", "web").SetUID("a")
	frozen := take(t, c, "shop")
	if len(frozen.Seals) != 1 || frozen.Seals["shop/Deployment/web"] == "" {
		t.Errorf("seals are %v", frozen.Seals)
	}
	if changes := inventory.Compare(bare, frozen); len(changes) > 0 {
		t.Errorf("a seal is a change: %v", changes)
	}
}
