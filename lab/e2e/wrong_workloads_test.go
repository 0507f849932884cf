package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover.dev/cutover/lab/world"
)

const failReady = "FAIL_READY" // what makes the workload's pods never ready

// wrongWorkloads tries the wave where new cannot run the workload, or runs it badly. The first that leaves something in new is taken
// back completely; of the others each is put right where it is wrong, and the next run goes on.
func (r *rig) wrongWorkloads(t *testing.T) {
	r.missingSecret(t)
	r.quota(t)
	before := r.snapshots(t)
	r.fails(t, "image-that-cannot-be-pulled", r.variant(t, "image", "ready: 2m", "ready: 6s",
		"[shop/Deployment/live]", "[{ref: shop/Deployment/live, source: "+r.unpullable(t)+"}]"))
	r.back(t, loneWave, before)
	r.setting(t, failReady, world.New.Name)
	r.fails(t, "never-ready", r.variant(t, "never-ready", "ready: 2m", "ready: 8s"))
	r.setting(t, failReady, "nowhere") // the copy in new follows: pods that take the place of evicted ones read it
	r.fault(t, loneSpace, loneOne, "answers", http.MethodPut)
	r.fault(t, loneSpace, loneOne, "ready", http.MethodDelete)
	r.readyInNew(t)
	r.fails(t, "ready-but-answers-500", r.variant(t, "ready-but-answers-500", "ready: 2m", "ready: 5s"))
	r.fault(t, loneSpace, loneOne, "answers", http.MethodDelete)
	r.slower(t)
	r.evicted(t)
}

// fails wants the wave to fail on that plan, clients not to notice, and nothing to be half-way.
func (r *rig) fails(t *testing.T, name, plan string) {
	t.Helper()
	r.with(plan, func() { r.says(t, name, broken, "apply", "--phase", loneWave) })
	r.lossless(t)
	r.whole(t)
}

// hasten lets the one workload that takes seconds for an answer, so that requests are under way when it moves, answer at once.
func (r *rig) hasten(t *testing.T) {
	t.Helper()
	const space, name = "blog", "reports"
	deployments := r.client(t, world.Old).AppsV1().Deployments(space)
	patch := []byte(`{"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "DELAY", "value": "0s"}]}]}}}}`)
	d, err := deployments.Patch(t.Context(), name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.until(t, name+" is quick", settled, func() error {
		now, err := deployments.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || now.Status.ObservedGeneration < d.Generation || now.Status.UpdatedReplicas != *d.Spec.Replicas ||
			now.Status.Replicas != *d.Spec.Replicas || now.Status.AvailableReplicas != *d.Spec.Replicas {
			return fmt.Errorf("%v: %+v", err, now.Status)
		}
		return nil
	})
}

// readyInNew waits for all pods of the workload in new.
func (r *rig) readyInNew(t *testing.T) {
	t.Helper()
	r.until(t, "all pods of the workload are ready in new", settled, func() error {
		d, err := r.client(t, world.New).AppsV1().Deployments(loneSpace).Get(t.Context(), loneOne, metav1.GetOptions{})
		if err != nil || d.Status.ReadyReplicas == 0 || d.Status.ReadyReplicas != *d.Spec.Replicas {
			return fmt.Errorf("%v: %+v", err, d.Status)
		}
		return nil
	})
}

// missingSecret: what the workload names is not in old, so it cannot be copied.
func (r *rig) missingSecret(t *testing.T) {
	secrets := r.client(t, world.Old).CoreV1().Secrets(loneSpace)
	s, err := secrets.Get(t.Context(), "live-key", metav1.GetOptions{})
	if err == nil {
		err = secrets.Delete(t.Context(), s.Name, metav1.DeleteOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	r.refuses(t, "missing-secret", "apply", "--phase", loneWave)
	again := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: s.Name}, Type: s.Type, Data: s.Data}
	if _, err := secrets.Create(t.Context(), again, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// quota: new's namespace takes no pod.
func (r *rig) quota(t *testing.T) {
	quotas := r.client(t, world.New).CoreV1().ResourceQuotas(loneSpace)
	q, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.until(t, "the quota counts", settled, func() error { // until then pods are let in
		now, err := quotas.Get(t.Context(), q.Name, metav1.GetOptions{})
		if err != nil || len(now.Status.Hard) == 0 {
			return fmt.Errorf("its status is %+v (%v)", now.Status, err)
		}
		return nil
	})
	r.refuses(t, "quota-too-small", "apply", "--phase", loneWave)
	if err := quotas.Delete(t.Context(), q.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// unpullable writes manifests of the workload with an image from a registry that does not answer, and returns their path.
func (r *rig) unpullable(t *testing.T) string {
	t.Helper()
	old, ctx, get := r.client(t, world.Old), t.Context(), metav1.GetOptions{}
	d, err := old.AppsV1().Deployments(loneSpace).Get(ctx, loneOne, get)
	if err != nil {
		t.Fatal(err)
	}
	spec := d.Spec.DeepCopy()
	spec.Template.Spec.Containers[0].Image = "127.0.0.1:9/none:1"
	spec.Template.Spec.Containers[0].EnvFrom, spec.Template.Spec.ServiceAccountName, spec.Template.Spec.DeprecatedServiceAccount = nil, "", ""
	s, err := old.CoreV1().Services(loneSpace).Get(ctx, loneOne, get)
	if err != nil {
		t.Fatal(err)
	}
	meta := map[string]any{"name": loneOne, "namespace": loneSpace}
	ports := []map[string]any{{"name": s.Spec.Ports[0].Name, "port": s.Spec.Ports[0].Port, "targetPort": s.Spec.Ports[0].TargetPort}}
	var text []byte
	for _, o := range []map[string]any{
		{"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": map[string]any{"selector": s.Spec.Selector, "ports": ports}},
		{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
	} {
		b, err := json.Marshal(o) // JSON is YAML
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, b...), "\n---\n"...)
	}
	path := filepath.Join(r.out, "unpullable", "live.yaml")
	writeFile(t, path, strings.TrimSuffix(string(text), "---\n"))
	rel, err := filepath.Rel(r.tool.Dir, path)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// setting makes pods of the workload that start from now on misbehave in one cluster; nil takes it away. Those that run go on as they
// are.
func (r *rig) setting(t *testing.T, name string, where any) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"data": map[string]any{name: where}})
	if err == nil {
		_, err = r.client(t, world.Old).CoreV1().ConfigMaps(loneSpace).Patch(t.Context(), "live-settings", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: byHand})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// slower lets the pods in new become slower than the plan allows, just when they were found well and before anything is led to them.
func (r *rig) slower(t *testing.T) {
	r.with(r.variant(t, "slower-than-allowed", "routes: 20s", "routes: 1s"), func() {
		warmed := at("ask the pods of", "done", "there")
		s := saying{r.begin(t, r.tool, nil, warmed, verbLine(r.tool, "apply", "--phase", loneWave)...), "slower-than-allowed", broken}
		s.reached(t)
		r.fault(t, loneSpace, loneOne, "slow", http.MethodPut)
		r.said(t, s)
	})
	r.lossless(t)
	r.whole(t)
	r.fault(t, loneSpace, loneOne, "slow", http.MethodDelete)
}

// evicted takes all pods of the workload in new away right after its routes were swapped to them, while that is still being proved. The
// routes have to go back; what the entry answers until then is lost on purpose. The next run, a step of the action, has to arrive.
func (r *rig) evicted(t *testing.T) {
	r.with(r.variant(t, "evicted", "samples: 50", "samples: 500", "watch: 1s", "watch: 10s"), func() { // so that it goes on for seconds
		q := r.begin(t, r.tool, nil, at("swap the routes", "done"), verbLine(r.tool, "apply", "--phase", loneWave)...)
		q.reached(t)
		pods := r.client(t, world.New).CoreV1().Pods(loneSpace)
		all, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + loneOne})
		if err != nil || len(all.Items) == 0 {
			t.Fatalf("%d pods to evict (%v)", len(all.Items), err)
		}
		began := time.Now()
		for _, p := range all.Items {
			if err := pods.EvictV1(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}}); err != nil {
				t.Fatal(err)
			}
		}
		// It is chance what is seen first: that the Service has no endpoint any more, or that its entry does not answer.
		got, name := q.end(t, verbEnd), "evicted-after-the-swap"
		r.forgiven = append(r.forgiven, span{began, q.ended}) // from here on nothing may be lost
		if bytes.Contains(got.Stderr, []byte("answered badly twice in a row")) {
			name = "evicted-after-the-swap-and-not-answered"
		}
		// So is how far the pods are by then that take the place of the others.
		lines := slices.DeleteFunc(slices.Collect(strings.Lines(string(got.Stderr))), func(l string) bool { return strings.HasPrefix(l, "    seen: ") })
		got.Stderr = []byte(strings.Join(lines, ""))
		r.shows(t, name, broken, got)
	})
	r.whole(t)
	r.byAction(t, "done", map[string]string{"INPUT_PHASE": loneWave})
	r.whole(t)
}
