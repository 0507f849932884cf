package kube_test

import (
	"fmt"
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

// What somebody else put into a list with keys is theirs to a server-side apply: it would stay beside what is wanted.
func TestWhatSomebodyPutsIntoAListIsDriftAndIsRepaired(t *testing.T) {
	c, ns := connect(t)
	config, err := clientcmd.BuildConfigFromFlags("", kubetest.Shared(t).Kubeconfig)
	must(t, err)
	client, err := dynamic.NewForConfig(config)
	must(t, err)
	for i, e := range []struct {
		kind  kube.Kind
		want  func(name string) *unstructured.Unstructured
		patch string
	}{
		{kube.Service, func(name string) *unstructured.Unstructured { return service(ns, name, 80) }, `[{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]`},
		{kube.Service, func(name string) *unstructured.Unstructured { return service(ns, name, 80) }, `[{"op": "add", "path": "/spec/ports/-", "value": {"name": "more", "port": 82}}]`},
		{kube.Service, func(name string) *unstructured.Unstructured { return service(ns, name, 80) }, `[{"op": "add", "path": "/spec/ports/-", "value": {"name": "more", "port": 80, "protocol": "UDP"}}]`},
		{kube.Deployment, func(name string) *unstructured.Unstructured { return withEnv(ns, name) }, `[{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "MORE", "value": "b"}}]`},
		{kube.Deployment, func(name string) *unstructured.Unstructured { return withEnv(ns, name) }, `[{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/name", "value": "OTHER"}]`},
		{kube.Deployment, func(name string) *unstructured.Unstructured { return withEnv(ns, name) }, `[{"op": "replace", "path": "/spec/template/spec/containers/0/name", "value": "other"}]`},
	} {
		want := e.want(fmt.Sprint("x", i))
		s := step(c, e.kind, want).Step()
		must(t, s.Apply(t.Context()))
		_, err := client.Resource(e.kind.GVR()).Namespace(ns).Patch(t.Context(), want.GetName(), types.JSONPatchType, []byte(e.patch), metav1.PatchOptions{FieldManager: "kubectl-edit"})
		must(t, err)
		if err := s.Apply(t.Context()); err != nil {
			t.Errorf("%s: %v", e.patch, err)
			continue
		}
		if o, err := s.Observe(t.Context()); err != nil || o.State != phase.Done {
			t.Errorf("%s is not set right: %s %s (%v)", e.patch, o.State, o.Detail, err)
		}
	}
}

func withEnv(ns, name string) *unstructured.Unstructured {
	labels := map[string]any{"app": name}
	return object(kube.Deployment, ns, name, map[string]any{"spec": map[string]any{
		"replicas": int64(0), "selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{"containers": []any{map[string]any{
			"name": "app", "image": "app:1", "env": []any{map[string]any{"name": "ONE", "value": "a"}},
		}}}},
	}})
}
