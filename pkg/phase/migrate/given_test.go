package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

func manifests(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "web.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestManifestsThatBringWhatIsNotTheirsAreRefusedAllAtOnce(t *testing.T) {
	const foreign = `
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: web}}`
	const stray = `
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: other, namespace: shop}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: far, namespace: blog}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: shop}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: once, namespace: shop}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}}`
	for name, c := range map[string]struct {
		text string
		says []string
	}{
		"cluster-scoped": {webManifests + foreign, []string{"ClusterRole /web"}},
		"not a part":     {webManifests + stray, []string{"Deployment shop/other", "ConfigMap blog/far", "Ingress shop/web", "Job shop/once", "Service shop/web is there twice"}},
		"data": {webManifests + `
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: uploads, namespace: shop}}`, []string{"PersistentVolumeClaim shop/uploads holds data", "by hand"}},
		"without it": {`{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}}`, []string{"not among the manifests"}},
	} {
		m := testWave(t)
		m.Workloads = []plan.Workload{{Ref: web, Source: manifests(t, c.text)}}
		m.Plan.Spec.Waves = []plan.Wave{m.Wave}
		_, err := New(m.Deps, m.Wave).Steps(t.Context(), noFacts{})
		for _, says := range c.says {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q is not in: %v", name, says, err)
			}
		}
		if fault.CodeOf(err) == fault.OK || len(fault.Hints(err)) == 0 {
			t.Errorf("%s: nobody says what to do: %v", name, err)
		}
	}
}

func TestTwoSourcesOfOneObjectAreRefused(t *testing.T) {
	m := testWave(t)
	at := func(name, level string) plan.Workload {
		text := strings.ReplaceAll(webManifests, "name: web", "name: "+name) + `
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {level: ` + level + `}}`
		return plan.Workload{Ref: plan.Ref{Namespace: "shop", Kind: "Deployment", Name: name}, Source: manifests(t, text)}
	}
	gates := func(copied []carry.Need, workloads ...plan.Workload) ([]phase.Step, error) {
		m.Workloads = workloads
		m.Plan.Spec.Waves = []plan.Wave{m.Wave}
		if m.given, m.broken = committed(m.Plan, m.Wave); m.broken != nil {
			t.Fatal(m.broken)
		}
		return m.missing(copied)
	}
	if left, err := gates(nil, at("web", "info"), at("cart", "info")); err != nil || len(left) > 0 || len(m.apply()[0]) != 3 {
		t.Errorf("two that agree: %v, %d gates", err, len(left))
	}
	if _, err := gates(nil, at("web", "info"), at("cart", "debug")); err == nil || !strings.Contains(err.Error(), "ConfigMap shop/settings") {
		t.Errorf("two that differ: %v", err)
	}
	copied := []carry.Need{{Kind: kube.ConfigMap, Namespace: "shop", Name: "settings"}}
	if _, err := gates(copied, at("web", "info")); err == nil || !strings.Contains(err.Error(), "source: live") {
		t.Errorf("one that is copied from old as well: %v", err)
	}
}
