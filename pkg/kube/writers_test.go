package kube_test

import (
	"regexp"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

func TestDriftNamesWhoWroteIt(t *testing.T) {
	c, ns := connect(t)
	want := service(ns, "web", 80)
	must(t, step(c, kube.Service, want).Step().Apply(t.Context()))
	config, err := clientcmd.BuildConfigFromFlags("", kubetest.Shared(t).Kubeconfig)
	must(t, err)
	client, err := dynamic.NewForConfig(config)
	must(t, err)
	patch := []byte(`{"spec": {"selector": {"app": "other"}}}`)
	_, err = client.Resource(kube.Service.GVR()).Namespace(ns).Patch(t.Context(), "web", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"})
	must(t, err)
	later := dial(t, kubetest.Shared(t).Kubeconfig) // which has seen it
	s := step(later, kube.Service, want).Step()
	o := observe(t, s, phase.Pending)
	if !regexp.MustCompile(`^differs in spec\.selector\.app; last written by kubectl-edit at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(o.Detail) {
		t.Errorf("it says %q", o.Detail)
	}
	must(t, s.Apply(t.Context()))
	observe(t, s, phase.Done)
}

func TestWhoseWriteIsNoDriftIsNotNamed(t *testing.T) {
	const ours = `{manager: cutover, operation: Apply, time: "2026-01-02T00:00:00Z"}`
	for _, c := range []struct{ name, fields, replicas, says string }{
		{"us", ours, "1", ""},
		{"before us", ours + `, {manager: helm, operation: Update, time: "2026-01-01T00:00:00Z"}`, "1", ""},
		{"in the same second", ours + `, {manager: helm, operation: Update, time: "2026-01-02T00:00:00Z"}`, "1", "; last written by helm at 2026-01-02T00:00:00Z"},
		{"two", ours + `, {manager: helm, operation: Update, time: "2026-01-03T00:00:00Z"}, {manager: edit, operation: Update, time: "2026-01-04T00:00:00Z"}`, "1", "; last written by edit at 2026-01-04T00:00:00Z, before that by helm at 2026-01-03T00:00:00Z"},
		{"a status", ours + `, {manager: helm, operation: Update, subresource: status, time: "2026-01-03T00:00:00Z"}`, "1", ""},
		{"a controller", ours + `, {manager: kube-controller-manager, operation: Update, time: "2026-01-03T00:00:00Z"}`, "1", ""},
		{"a scale elsewhere", ours + `, {manager: kubectl, operation: Update, subresource: scale, time: "2026-01-03T00:00:00Z"}`, "1", ""},
		{"a scale", ours + `, {manager: kube-controller-manager, operation: Update, subresource: scale, time: "2026-01-03T00:00:00Z"}`, "2", "; last written by kube-controller-manager at 2026-01-03T00:00:00Z"},
	} {
		live := parse(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, managedFields: [` + c.fields + `]}, spec: {paused: true, replicas: ` + c.replicas + `}}`)
		want := parse(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {minReadySeconds: 3, replicas: 1}}`)
		if got := kube.Writers(live, kube.Differences(want, live)); got != c.says {
			t.Errorf("%s: %q, want %q", c.name, got, c.says)
		}
	}
}
