package migrate

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

func TestWhatPodsCountForInAQuota(t *testing.T) {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [
 {name: app, resources: {requests: {cpu: 200m, memory: 64Mi}, limits: {memory: 128Mi}}}, {name: side, resources: {requests: {cpu: 50m}}}]}}}}`), &u.Object); err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedField(u.Object, int64(3), "spec", "replicas"); err != nil { // as an API server's answer is read
		t.Fatal(err)
	}
	got := corev1.ResourceList{}
	if err := count(got, u); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[corev1.ResourceName]string{
		"pods": "3", "count/pods": "3", "cpu": "750m", "requests.cpu": "750m", "memory": "192Mi", "requests.memory": "192Mi", "limits.memory": "384Mi",
	} {
		if have := got[name]; have.Cmp(resource.MustParse(want)) != 0 {
			t.Errorf("%s: %s, want %s", name, have.String(), want)
		}
	}
	if len(got) != 7 {
		t.Errorf("%v", got)
	}
}

// narrow is asked on a real API server, whose quotas nobody counts: the test says what is used.
func narrow(t *testing.T, c two) {
	config, err := clientcmd.BuildConfigFromFlags("", c.around.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	quotas := client.Resource(kube.ResourceQuota.GVR()).Namespace(c.ref.Namespace)
	four := map[string]any{"pods": "4", "services": "4", "count/deployments.apps": "4", "count/services": "4"}
	q, err := quotas.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ResourceQuota", "metadata": map[string]any{"name": "small"}, "spec": map[string]any{"hard": four},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	used := func(what, n string) {
		t.Helper()
		now := map[string]any{"pods": "1", "services": "3", "count/deployments.apps": "3", "count/services": "3"}
		now[what] = n
		q.Object["status"] = map[string]any{"hard": four, "used": now}
		if q, err = quotas.UpdateStatus(t.Context(), q, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	groups, err := New(c.deps, c.deps.Plan.Spec.Waves[0]).Steps(t.Context(), found{})
	if err != nil {
		t.Fatal(err)
	}
	var room phase.Step
	for _, s := range groups[0].Before {
		if strings.HasPrefix(s.ID, "room:") {
			room = s
		}
	}
	if _, err := room.Observe(t.Context()); fault.CodeOf(err) != fault.Unsure {
		t.Errorf("a quota that nobody counted: %v", err)
	}
	used("pods", "1")
	see(t, room, phase.Done)
	for _, what := range []string{"services", "count/services", "count/deployments.apps"} {
		used(what, "4")
		if o := see(t, room, phase.Failed); !strings.Contains(o.Detail, "small has 0 of 4 "+what+" left, and 1 are needed; raise it in new") {
			t.Error(o.Detail)
		}
	}
	used("pods", "2")
	if o := see(t, room, phase.Failed); !strings.Contains(o.Detail, "small has 2 of 4 pods left, and 3 are needed; raise it in new") {
		t.Error(o.Detail)
	}
}
