// The tests of kube need a real API server wherever the answer depends on one; a fake has no admission, no defaults, no
// server-side apply conflicts and no resourceVersions worth the name.
package kube_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

const plan = "shop"

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

// connect is a connection as the administrator, and a namespace of the test's own.
func connect(t *testing.T) (*kube.Cluster, string) {
	t.Helper()
	c := dial(t, kubetest.Shared(t).Kubeconfig)
	return c, namespace(t, c)
}

func dial(t *testing.T, kubeconfig string) *kube.Cluster {
	t.Helper()
	c, err := kube.Connect(t.Context(), "new", kubeconfig, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func namespace(t *testing.T, c *kube.Cluster) string {
	t.Helper()
	name := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	ns := object(kube.Namespace, "", name[max(0, len(name)-60):], nil)
	kube.Own(ns, plan)
	must(t, c.Apply(t.Context(), ns))
	return ns.GetName()
}

func object(k kube.Kind, ns, name string, content map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	for key, v := range content {
		u.Object[key] = v
	}
	u.SetGroupVersionKind(k.GVK())
	u.SetNamespace(ns)
	u.SetName(name)
	return u
}

func service(ns, name string, port int64) *unstructured.Unstructured {
	return object(kube.Service, ns, name, map[string]any{"spec": map[string]any{
		"ports":    []any{map[string]any{"name": "http", "port": port}},
		"selector": map[string]any{"app": name},
	}})
}

func config(ns, name, value string) *unstructured.Unstructured {
	return object(kube.ConfigMap, ns, name, map[string]any{"data": map[string]any{"key": value}})
}

func own(u *unstructured.Unstructured) *unstructured.Unstructured {
	kube.Own(u, plan)
	return u
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(u *unstructured.Unstructured) func(context.Context) (*unstructured.Unstructured, error) {
	return func(context.Context) (*unstructured.Unstructured, error) {
		if u == nil {
			return nil, fmt.Errorf("nothing is wanted")
		}
		return u.DeepCopy(), nil
	}
}
