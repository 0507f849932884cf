package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

// atOnce is how many requests the floor has on the way: as many as the tool has writes (kube.Options), whose lanes are more.
const atOnce = 16

// floorApply is the barest program that does what routes does: it applies the same objects
// server-side, which it knows beforehand.
func floorApply(ctx context.Context, t task) (took, error) {
	objects, err := wanted(ctx, t)
	if err != nil {
		return took{}, err
	}
	c, err := bare(t.New)
	if err != nil {
		return took{}, err
	}
	watch := start()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, u := range objects {
		k, ok := kube.KindNamed(u.GetKind())
		if !ok {
			return took{}, fmt.Errorf("%s is no known kind", u.GetKind())
		}
		group.Go(func() error {
			_, err := c.Resource(k.GVR()).Namespace(u.GetNamespace()).Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: "bench", Force: true})
			return err
		})
	}
	err = group.Wait()
	return watch.stop(len(objects)), err
}

// wanted are the objects that routes makes.
func wanted(ctx context.Context, t task) ([]*unstructured.Unstructured, error) {
	old, err := bare(t.Old)
	if err != nil {
		return nil, err
	}
	inv := &inventory.Inventory{}
	var objects []*unstructured.Unstructured
	for _, ns := range t.Scope.namespaces() {
		secret, err := old.Resource(kube.Secret.GVR()).Namespace(ns).Get(ctx, "tls", metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		objects = append(objects, carry.Clean(secret))
		list, err := old.Resource(kube.Ingress.GVR()).Namespace(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			var one inventory.Ingress
			text, err := list.Items[i].MarshalJSON()
			if err == nil {
				err = json.Unmarshal(text, &one.Object)
			}
			if err != nil {
				return nil, err
			}
			inv.Ingresses = append(inv.Ingresses, one)
		}
	}
	for i := range inv.Ingresses {
		old := &inv.Ingresses[i].Object
		u, err := kube.From(kube.Ingress, ingress.Desired(old, nil, inv.Target(ingress.NameOf(old), "main")))
		if err != nil {
			return nil, err
		}
		kube.Own(u, "bench")
		objects = append(objects, u)
	}
	return objects, nil
}

// floorList lists every kind that plan and verify read, in both clusters, namespace by namespace as they do.
func floorList(ctx context.Context, t task) (took, error) {
	watch := start()
	var seen atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	list := func(at string, kinds []kube.Kind) error {
		c, err := bare(at)
		if err != nil {
			return err
		}
		for _, ns := range t.Scope.namespaces() {
			for _, k := range kinds {
				group.Go(func() error {
					n, err := listed(ctx, c, k, ns)
					seen.Add(int64(n))
					return err
				})
			}
		}
		return nil
	}
	if err := list(t.Old, append(slices.Clone(inventory.Taken), kube.Secret)); err != nil {
		return took{}, err
	}
	if err := list(t.New, []kube.Kind{kube.Ingress, kube.Secret}); err != nil {
		return took{}, err
	}
	err := group.Wait()
	return watch.stop(int(seen.Load())), err
}

func listed(ctx context.Context, c *dynamic.DynamicClient, k kube.Kind, ns string) (int, error) {
	list, err := c.Resource(k.GVR()).Namespace(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	return len(list.Items), nil
}

// kubectl applies the same objects from one file.
func (w *world) kubectl(b *testing.B) took {
	b.Helper()
	objects, err := wanted(b.Context(), w.task(""))
	if err != nil {
		b.Fatal(err)
	}
	list := unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, u := range objects {
		list.Items = append(list.Items, *u)
	}
	text, err := list.MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "objects.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), kubetest.Available(), "kubectl", "--kubeconfig", w.new, "apply", "--server-side", "-f", file)
	at := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("kubectl: %v: %.500s", err, out)
	}
	return took{Seconds: time.Since(at).Seconds(), Count: len(objects), MiB: peak(cmd)}
}
