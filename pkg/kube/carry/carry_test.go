package carry_test

import (
	"context"
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

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// cluster is a Reader over objects from a file.
type cluster []*unstructured.Unstructured

func read(t *testing.T, file string) cluster {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c cluster
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		c = append(c, u)
	}
	return c
}

func (c cluster) Get(_ context.Context, k kube.Kind, ns, name string) (*unstructured.Unstructured, error) {
	for _, u := range c {
		if u.GetKind() == k.Kind && u.GetNamespace() == ns && u.GetName() == name {
			return u, nil
		}
	}
	return nil, fmt.Errorf("get: %w", apierrors.NewNotFound(k.GVR().GroupResource(), name))
}

func (c cluster) List(_ context.Context, k kube.Kind, ns string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, u := range c {
		if u.GetKind() == k.Kind && u.GetNamespace() == ns {
			all = append(all, u)
		}
	}
	return all, nil
}

func TestCleanLeavesWhatSomebodyWrote(t *testing.T) {
	var out strings.Builder
	for _, u := range read(t, "testdata/shop.yaml") {
		before := u.DeepCopy()
		y, err := yaml.Marshal(carry.Clean(u).Object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s---\n", y)
		if diff := cmp.Diff(before, u); diff != "" {
			t.Errorf("the object of the view was changed:\n%s", diff)
		}
	}
	const file = "testdata/shop.golden"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("not what %s says (go test -update rewrites it):\n%s", file, diff)
	}
	for _, mine := range []string{"uid", "resourceVersion", "canary", "nodePort:", "10.61.130.7", "node-of-old", "pvc-123", "token-x7k2p", "Helm\n  name", "status"} {
		if strings.Contains(out.String(), mine) {
			t.Errorf("%s of the old cluster is in the copy", mine)
		}
	}
}

func list(needs []carry.Need) []string {
	var out []string
	for _, n := range needs {
		line := n.Kind.Kind + "/" + n.Name + ": " + n.Why
		if n.Optional {
			line += " (optional)"
		}
		out = append(out, line)
	}
	return out
}

func TestNeedsAreAllThatThePodsName(t *testing.T) {
	web := read(t, "testdata/shop.yaml")[0]
	want := []string{
		"ConfigMap/files: volume conf",
		"ConfigMap/levels: env LEVEL of container app (optional)",
		"ConfigMap/projected-conf: volume all",
		"ConfigMap/settings: envFrom of container app",
		"PersistentVolumeClaim/uploads: volume data",
		"PriorityClass/high: priority of the pods",
		"RuntimeClass/gvisor: runtime of the pods",
		"Secret/db: env DSN of container migrate",
		"Secret/extra: envFrom of container app (optional)",
		"Secret/mtls: volume certs",
		"Secret/projected-secret: volume all (optional)",
		"Secret/registry: pull secret",
		"ServiceAccount/web: ServiceAccount of the pods",
		"StorageClass/fast: volume scratch",
	}
	if diff := cmp.Diff(want, list(carry.Needs(web))); diff != "" {
		t.Error(diff)
	}
}

func TestNeedsOfAWorkloadThatCannotBeReadAreNeverSatisfied(t *testing.T) {
	for _, spec := range []any{nil, map[string]any{}, map[string]any{"template": map[string]any{"spec": "nonsense"}}} {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "Deployment", "spec": spec}}
		needs := carry.Needs(u)
		if len(needs) != 1 || needs[0].Kind != (kube.Kind{}) || needs[0].Optional {
			t.Errorf("%v needs %v", spec, needs)
		}
	}
}

func TestRelatedIsWhatSelectsOrTargetsTheWorkload(t *testing.T) {
	c := read(t, "testdata/shop.yaml")
	related, err := carry.Related(t.Context(), c, c[0])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ClusterRole/view: rights of ServiceAccount web",
		"HorizontalPodAutoscaler/web: scales the workload",
		"NetworkPolicy/default-deny: selects the pods",
		"PodDisruptionBudget/front: selects the pods",
		"Role/web: rights of ServiceAccount web",
		"RoleBinding/everybody: rights of ServiceAccount web",
		"RoleBinding/web: rights of ServiceAccount web",
		"ScaledObject/web-queue: scales the workload",
		"Secret/account-registry: pull secret of ServiceAccount web",
		"Service/web: selects the pods",
		"Service/web-peers: selects the pods",
	}
	if diff := cmp.Diff(want, list(related)); diff != "" {
		t.Error(diff)
	}
}

// blind is a cluster that cannot be read.
type blind struct{ cluster }

func (blind) List(context.Context, kube.Kind, string) ([]*unstructured.Unstructured, error) {
	return nil, apierrors.NewForbidden(kube.Service.GVR().GroupResource(), "", nil)
}

func TestRelatedSaysSoWhenItCouldNotTell(t *testing.T) {
	c := read(t, "testdata/shop.yaml")
	if _, err := carry.Related(t.Context(), blind{c}, c[0]); !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
}

func TestReplicasAreTheLiveOnes(t *testing.T) {
	object := func(kind string, spec, status map[string]any) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": kind, "spec": spec, "status": status}}
		u.SetNamespace("shop")
		u.SetName("x")
		return u
	}
	for _, c := range []struct {
		u           *unstructured.Unstructured
		live, ready int
	}{
		{object("Deployment", map[string]any{"replicas": int64(5)}, map[string]any{"readyReplicas": int64(4)}), 5, 4},
		{object("StatefulSet", map[string]any{}, map[string]any{}), 1, 0},
		{object("Deployment", map[string]any{"replicas": int64(0)}, map[string]any{}), 0, 0},
		{object("DaemonSet", nil, map[string]any{"desiredNumberScheduled": int64(3), "numberReady": int64(2)}), 3, 2},
		{object("CronJob", nil, map[string]any{"active": []any{map[string]any{}}}), 1, 1},
	} {
		live, ready, err := carry.Replicas(t.Context(), cluster{c.u}, c.u)
		if err != nil || live != c.live || ready != c.ready {
			t.Errorf("%s: %d live, %d ready, %v", c.u.GetKind(), live, ready, err)
		}
	}
	gone := object("Deployment", nil, nil)
	if _, _, err := carry.Replicas(t.Context(), cluster{}, gone); !apierrors.IsNotFound(err) {
		t.Errorf("one that is gone: %v", err)
	}
	if _, _, err := carry.Replicas(t.Context(), cluster{}, object("Rollout", nil, nil)); err == nil {
		t.Error("a kind that nobody knows was counted")
	}
}

func TestSecretsOfTheirOwnClusterAreNotCopied(t *testing.T) {
	secret := func(name, kind string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "Secret", "type": kind}}
		u.SetName(name)
		return u
	}
	var refused []string
	for _, s := range []*unstructured.Unstructured{
		secret("web-token", "kubernetes.io/service-account-token"), secret("sh.helm.release.v1.web.v3", ""), secret("x", "helm.sh/release.v1"),
		secret("shop-tls", "kubernetes.io/tls"), secret("db", "Opaque"), secret("registry", "kubernetes.io/dockerconfigjson"),
	} {
		if reason, ok := carry.Copyable(s); !ok && reason != "" {
			refused = append(refused, s.GetName())
		}
	}
	if want := []string{"web-token", "sh.helm.release.v1.web.v3", "x"}; !slices.Equal(refused, want) {
		t.Errorf("refused %v, not %v", refused, want)
	}
}
