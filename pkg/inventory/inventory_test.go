package inventory_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// cluster is a Reader over objects from a file.
type cluster struct {
	objects   []*unstructured.Unstructured
	forbidden kube.Kind
}

func read(t testing.TB, file string) *cluster {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{}
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		c.objects = append(c.objects, u)
	}
	return c
}

func (c *cluster) Walk(_ context.Context, k kube.Kind, ns string, f func(*unstructured.Unstructured) error) error {
	if k == c.forbidden {
		return apierrors.NewForbidden(k.GVR().GroupResource(), "", errors.New("no rights"))
	}
	for _, u := range c.objects {
		if u.GetKind() != k.Kind || u.GetNamespace() != ns {
			continue
		}
		if err := f(u); err != nil {
			return err
		}
	}
	return nil
}

// WalkHeads knows one field selector, that of the Pods that run.
func (c *cluster) WalkHeads(ctx context.Context, k kube.Kind, ns, fields string, f func(*unstructured.Unstructured) error) error {
	if k != kube.Pod || fields != "status.phase!=Succeeded,status.phase!=Failed" {
		return fmt.Errorf("list %s with %q", k.Kind, fields)
	}
	return c.Walk(ctx, k, ns, func(u *unstructured.Unstructured) error {
		if phase, _, _ := unstructured.NestedString(u.Object, "status", "phase"); phase == "Succeeded" || phase == "Failed" {
			return nil
		}
		return f(&unstructured.Unstructured{Object: map[string]any{"kind": k.Kind, "metadata": u.Object["metadata"]}})
	})
}

func (c *cluster) Read(_ context.Context, k kube.Kind, ns, name string) (*unstructured.Unstructured, error) {
	for _, u := range c.objects {
		if u.GetKind() == k.Kind && u.GetNamespace() == ns && u.GetName() == name {
			return u, nil
		}
	}
	return nil, fmt.Errorf("read: %w", apierrors.NewNotFound(k.GVR().GroupResource(), name))
}

func (c *cluster) find(t testing.TB, kind, name string) *unstructured.Unstructured {
	t.Helper()
	i := slices.IndexFunc(c.objects, func(u *unstructured.Unstructured) bool { return u.GetKind() == kind && u.GetName() == name })
	if i < 0 {
		t.Fatalf("no %s %s", kind, name)
	}
	return c.objects[i]
}

func take(t testing.TB, c *cluster, namespaces ...string) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Take(context.WithoutCancel(t.Context()), c, namespaces)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func ref(s string) plan.Ref {
	parts := strings.Split(s, "/")
	return plan.Ref{Namespace: parts[0], Kind: parts[1], Name: parts[2]}
}

func refs(names ...string) []plan.Ref {
	var out []plan.Ref
	for _, name := range names {
		out = append(out, ref(name))
	}
	return out
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("not what %s says (go test -update rewrites it):\n%s", file, diff)
	}
}

func TestTakeWritesDownNamesAndNoValues(t *testing.T) {
	inv := take(t, read(t, "testdata/good.yaml"), "shop", "blog")
	inv.FrozenAt = inv.FrozenAt.AddDate(-inv.FrozenAt.Year()+2026, 0, 0)
	text, err := json.MarshalIndent(inv, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "CANARY") {
		t.Errorf("a value is in the inventory:\n%s", text)
	}
	var again inventory.Inventory
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if changes := inventory.Compare(inv, &again); len(changes) > 0 {
		t.Errorf("lost on the way through JSON: %v", changes)
	}
	lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(l string) bool { return strings.Contains(l, "frozenAt") })
	golden(t, "testdata/good.golden", strings.Join(lines, "\n")+"\n")
}

func TestTheOrderInWhichAClusterListsMakesNoDifference(t *testing.T) {
	c := read(t, "testdata/good.yaml")
	want, err := take(t, c, "shop", "blog").Digest()
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(c.objects)
	got, err := take(t, c, "blog", "shop", "blog").Digest()
	if err != nil || got != want {
		t.Errorf("digest %s, not %s (%v)", got, want, err)
	}
	_ = unstructured.SetNestedField(c.find(t, "Deployment", "web").Object, int64(7), "spec", "replicas")
	if got, _ = take(t, c, "shop", "blog").Digest(); got != want {
		t.Error("a replica more changes the digest")
	}
	_ = unstructured.SetNestedField(c.find(t, "Service", "web").Object, "other", "spec", "selector", "app")
	if got, _ = take(t, c, "shop", "blog").Digest(); got == want {
		t.Error("another selector does not change the digest")
	}
}

func TestTakeSaysSoWhenItCouldNotTell(t *testing.T) {
	for _, kind := range inventory.Taken {
		c := read(t, "testdata/good.yaml")
		c.forbidden = kind
		if _, err := inventory.Take(t.Context(), c, []string{"shop"}); !apierrors.IsForbidden(err) {
			t.Errorf("%s may not be listed, and the answer is %v", kind.Kind, err)
		}
	}
}

func TestWhoIsBehindAndBeforeWhom(t *testing.T) {
	inv := take(t, read(t, "testdata/good.yaml"), "shop", "blog")
	var got []string
	for _, r := range inv.RoutesOf(ref("shop/StatefulSet/cart")) {
		got = append(got, r.Host+r.Path)
	}
	if want := []string{"shop.example.com/cart", "cart.example.com/v1"}; !slices.Equal(got, want) {
		t.Errorf("routes of cart: %v", got)
	}
	if got := inv.WorkloadsOf(ingress.Name{Namespace: "shop", Name: "cart"}); !slices.Equal(got, refs("shop/StatefulSet/cart")) {
		t.Errorf("behind cart: %v", got)
	}
	if got := inv.CalleesOf(ref("shop/Deployment/web")); !slices.Equal(got, refs("shop/Deployment/api", "shop/StatefulSet/cart")) {
		t.Errorf("callees of web, one of them by an ExternalName: %v", got)
	}
	if got := inv.CallersOf(ref("shop/Deployment/web")); !slices.Equal(got, refs("blog/Deployment/blog")) {
		t.Errorf("callers of web: %v", got)
	}
	if got := inv.CallersOf(ref("shop/Deployment/api")); !slices.Equal(got, refs("shop/Deployment/web")) {
		t.Errorf("callers of api, which also calls itself: %v", got)
	}
	if got, want := inv.Hosts(), []string{"cart.example.com", "shop.example.com"}; !slices.Equal(got, want) {
		t.Errorf("hosts: %v", got)
	}
}

func TestOneIngressOfASharedHostCarriesTheCatchAll(t *testing.T) {
	inv := take(t, read(t, "testdata/good.yaml"), "shop", "blog")
	for name, want := range map[ingress.Name]map[string]bool{
		{Namespace: "shop", Name: "shop"}: {"shop.example.com": true}, // by a path of its own
		{Namespace: "shop", Name: "cart"}: {},
		{Namespace: "blog", Name: "blog"}: {"cart.example.com": true}, // the first by name
	} {
		target := inv.Target(name, "main")
		for _, host := range inv.Hosts() {
			if target.Root(host) != want[host] {
				t.Errorf("%s carries / of %s: %v", name, host, target.Root(host))
			}
		}
	}
}

func TestControllersAreReadFromTheClasses(t *testing.T) {
	c := read(t, "testdata/good.yaml")
	got, err := inventory.FindControllers(t.Context(), c, c, "main", "nowhere")
	if err != nil || got.Old != "traefik.io/ingress-controller" || got.New != "" {
		t.Errorf("%+v, %v", got, err)
	}
}
