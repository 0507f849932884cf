package rehearse

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// parsed are manifests that are separated by lines of ---.
func parsed(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, doc := range strings.Split(text, "---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			t.Fatal(err)
		}
		if n, ok, _ := unstructured.NestedFloat64(o.Object, "spec", "replicas"); ok {
			_ = unstructured.SetNestedField(o.Object, int64(n), "spec", "replicas")
		}
		out = append(out, o)
	}
	return out
}

const before = `
{kind: Deployment, metadata: {name: web, namespace: shop, uid: a, resourceVersion: "1", generation: 1, labels: {app: web}}, spec: {replicas: 2, list: [1, 2]}, status: {ready: 1}}
---
{kind: Deployment, metadata: {name: api, namespace: shop}, spec: {replicas: 2}}
---
{kind: HorizontalPodAutoscaler, metadata: {name: api, namespace: shop}, spec: {scaleTargetRef: {kind: Deployment, name: api}}}
---
{kind: Secret, metadata: {name: key, namespace: shop}, data: {key: aHVudGVyMg==}}
---
{kind: Pod, metadata: {name: web-1, namespace: shop}}
---
{kind: EndpointSlice, metadata: {name: web-1, namespace: shop, labels: {endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}}}
---
{kind: Service, metadata: {name: other, namespace: elsewhere}}
`

func TestWhatMovesByItselfIsNoDifference(t *testing.T) {
	after := strings.NewReplacer("uid: a", "uid: b", `"1"`, `"9"`, "generation: 1", "generation: 5", "ready: 1", "ready: 0",
		"name: web-1", "name: web-2", "name: other", "name: gone", "{replicas: 2}", "{replicas: 3}").Replace(before)
	a, b := snapshotOf(parsed(t, before), []string{"shop"}), snapshotOf(parsed(t, after), []string{"shop"})
	if d := Diff(a, b); len(d) != 0 {
		t.Errorf("differences: %q", d)
	}
	if len(a) != 4 {
		t.Errorf("%d objects are compared, want 4", len(a))
	}
}

func TestEveryOtherChangeIsADifference(t *testing.T) {
	after := strings.NewReplacer("spec: {replicas: 2, list: [1, 2]}", "spec: {replicas: 0, list: [1, 3], paused: true}",
		"{replicas: 2}", "{replicas: 0}", "aHVudGVyMg==", "b3RoZXI=", "labels: {app: web}", "labels: {}").Replace(before)
	after += "---\n{kind: EndpointSlice, metadata: {name: cutover-proxy, namespace: shop, labels: {endpointslice.kubernetes.io/managed-by: cutover}}}\n"
	a, b := snapshotOf(parsed(t, before), []string{"shop"}), snapshotOf(parsed(t, after), []string{"shop"})
	got := Diff(a, b)
	want := []string{
		`shop/Deployment/api: spec.replicas is 0, was "by its autoscaler"`,
		`shop/Deployment/web: metadata.labels.app is absent, was "web"`,
		`shop/Deployment/web: spec.list[1] is 3, was 2`,
		`shop/Deployment/web: spec.paused is true, was absent`,
		`shop/Deployment/web: spec.replicas is 0, was 2`,
		`shop/EndpointSlice/cutover-proxy: appeared`,
	}
	secret := func(line string) bool { return strings.HasPrefix(line, "shop/Secret/key: data.key is ") }
	if !slices.ContainsFunc(got, secret) {
		t.Errorf("the changed Secret is not among %q", got)
	}
	if got = slices.DeleteFunc(got, secret); !slices.Equal(got, want) {
		t.Errorf("differences are %q, want %q", got, want)
	}
	if all := strings.Join(Diff(b, a), " "); strings.Contains(all, "aHVudGVyMg") || !strings.Contains(all, "cutover-proxy: vanished") {
		t.Errorf("the way back is %s", all)
	}
}
