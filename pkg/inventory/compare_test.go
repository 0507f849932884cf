package inventory_test

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
)

func changes(t *testing.T, spoil func(c *cluster)) []string {
	t.Helper()
	frozen := take(t, read(t, "testdata/good.yaml"), "shop", "blog")
	c := read(t, "testdata/good.yaml")
	spoil(c)
	var out []string
	for _, change := range inventory.Compare(frozen, take(t, c, "shop", "blog")) {
		out = append(out, change.String())
	}
	return out
}

func set(t *testing.T, u *unstructured.Unstructured, value any, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(u.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}

func TestCompareNamesWhatAppearedVanishedAndChanged(t *testing.T) {
	got := changes(t, func(c *cluster) {
		shop := c.find(t, "Ingress", "shop")
		shop.SetAnnotations(map[string]string{"nginx.ingress.kubernetes.io/auth-secret": "hidden"})
		set(t, shop, []any{map[string]any{"hosts": []any{"shop.example.com"}, "secretName": "other"}}, "spec", "tls")
		c.find(t, "Ingress", "cart").SetName("basket")
		set(t, c.find(t, "Service", "api"), []any{map[string]any{"port": int64(81)}}, "spec", "ports")
		set(t, c.find(t, "Deployment", "web"), "green", "spec", "template", "metadata", "labels", "color")
		c.find(t, "CronJob", "digest").SetKind("Deployment")
		set(t, c.find(t, "Deployment", "digest"), map[string]any{}, "spec", "template")
	})
	want := []string{
		"ingress shop/cart vanished",
		"ingress shop/shop changed: annotation nginx.ingress.kubernetes.io/auth-secret",
		"ingress shop/shop changed: certificate of shop.example.com: shop-tls -> other",
		"service shop/api changed: port 80/TCP: http to web -> (none)",
		"service shop/api changed: port 81/TCP: (none) -> to 0",
		"workload blog/CronJob/digest vanished",
		"workload shop/Deployment/web changed: pod labels: app=web -> app=web,color=green",
		"ingress shop/basket appeared",
		"workload blog/Deployment/digest appeared",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCutoverDoesToOldIsNoChange(t *testing.T) {
	got := changes(t, func(c *cluster) {
		for _, name := range []string{"shop", "cart"} {
			u := c.find(t, "Ingress", name)
			old, err := kube.As[networkingv1.Ingress](u)
			if err != nil {
				t.Fatal(err)
			}
			tailed, err := kube.From(kube.Ingress, ingress.Tailed(old, func(s string) bool { return s != "api" }))
			if err != nil {
				t.Fatal(err)
			}
			u.Object = tailed.Object
		}
		set(t, c.find(t, "Deployment", "web"), int64(0), "spec", "replicas")
		set(t, c.find(t, "CronJob", "digest"), false, "spec", "suspend")
		c.objects = slices.DeleteFunc(c.objects, func(u *unstructured.Unstructured) bool { return u.GetKind() == "HorizontalPodAutoscaler" })
	})
	if len(got) > 0 {
		t.Errorf("changes: %v", got)
	}
}

func TestABackendThatSomebodyElseChangedShowsBehindTheTail(t *testing.T) {
	got := changes(t, func(c *cluster) {
		rules, _, _ := unstructured.NestedSlice(c.find(t, "Ingress", "shop").Object, "spec", "rules")
		paths := rules[0].(map[string]any)["http"].(map[string]any)["paths"].([]any)
		paths[0].(map[string]any)["backend"] = map[string]any{"service": map[string]any{"name": ingress.TailService, "port": map[string]any{"name": "http"}}}
		paths[1].(map[string]any)["backend"] = map[string]any{"service": map[string]any{"name": "cart", "port": map[string]any{"number": int64(80)}}}
		set(t, c.find(t, "Ingress", "shop"), rules, "spec", "rules")
	})
	if want := []string{"ingress shop/shop changed: path shop.example.com/api (Prefix): api:http -> cart:80"}; !slices.Equal(got, want) {
		t.Errorf("changes: %v", got)
	}
}
