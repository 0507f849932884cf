package ready_test

import (
	"os"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

func TestWhyTellsFactsAndNeverMoreThanItCouldRead(t *testing.T) {
	s := kubetest.Shared(t)
	c, err := kube.Connect(t.Context(), "new", s.Kubeconfig, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, about := range []string{"kind: Pod, name: other", "kind: HorizontalPodAutoscaler, name: web"} {
		other := `{apiVersion: v1, kind: Event, metadata: {namespace: default, generateName: e}, involvedObject: {namespace: default, ` + about + `}, type: Warning, reason: Unrelated}`
		if _, err := c.Create(t.Context(), parse(t, other)); err != nil {
			t.Fatal(err)
		}
	}
	selector := map[string]string{"app": "web"}
	if facts := strings.Join(ready.Why(t.Context(), c, "default", selector), "\n"); !strings.Contains(facts, "no pod with app=web") || strings.Contains(facts, "Unrelated") {
		t.Errorf("without pods: %s", facts)
	}
	for _, text := range []string{
		`{apiVersion: v1, kind: Pod, metadata: {namespace: default, name: web-1, labels: {app: web}}, spec: {containers: [{name: app, image: none}]}}`,
		`{apiVersion: v1, kind: Event, metadata: {namespace: default, name: web-1-failed}, involvedObject: {kind: Pod, namespace: default, name: web-1}, type: Warning, reason: Failed, message: "pull none: not found", lastTimestamp: "2026-01-02T03:04:05Z"}`,
	} {
		if _, err := c.Create(t.Context(), parse(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	facts := strings.Join(ready.Why(t.Context(), c, "default", selector), "\n")
	if !strings.Contains(facts, "pod web-1: Pending") || !strings.Contains(facts, "Pod web-1: Failed: pull none: not found") || strings.Contains(facts, "Unrelated") {
		t.Error(facts)
	}
	nobody, err := kube.Connect(t.Context(), "new", s.As(t, "nobody"), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	if facts := strings.Join(ready.Why(t.Context(), nobody, "default", selector), "\n"); !strings.Contains(facts, "could not be read") || strings.Contains(facts, "no pod") {
		t.Errorf("without permission: %s", facts)
	}
}

func TestAboutTellsOfAnObjectAndOfWhatItMade(t *testing.T) {
	s := kubetest.Shared(t)
	c, err := kube.Connect(t.Context(), "new", s.Kubeconfig, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	api := phase.Object{Env: "new", Kind: "Deployment", Namespace: "kube-public", Name: "api", Field: "replicas"}
	about := func(o phase.Object) string { return strings.Join(ready.About(t.Context(), c, o), "\n") }
	if facts := about(api); facts != "Deployment kube-public/api is not in new" {
		t.Errorf("absent: %s", facts)
	}
	event := func(name, kind, about, reason string) string {
		return `{apiVersion: v1, kind: Event, metadata: {namespace: kube-public, name: ` + name + `}, involvedObject: {kind: ` + kind +
			`, namespace: kube-public, name: ` + about + `}, type: Warning, reason: ` + reason + `, lastTimestamp: "2026-01-02T03:04:05Z"}`
	}
	for _, text := range []string{
		`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: kube-public, name: api}, spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: app, image: none}]}}}}`,
		event("a", "Deployment", "api", "Itself"), event("b", "ReplicaSet", "api-7d9f", "FailedCreate"),
		event("c", "ReplicaSet", "api-admin-7d9f", "OfAnother"), event("d", "Pod", "api-7d9f-x", "NotItsPod"),
	} {
		if _, err := c.Create(t.Context(), parse(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	facts := about(api)
	for _, want := range []string{"no pod with app=api in namespace kube-public of new", "Itself", "FailedCreate"} {
		if !strings.Contains(facts, want) {
			t.Errorf("%q is missing in\n%s", want, facts)
		}
	}
	if strings.Contains(facts, "OfAnother") || strings.Contains(facts, "NotItsPod") {
		t.Error(facts)
	}
	s.Kill()
	defer s.Restart(t)
	if facts := about(api); strings.Contains(facts, "no pod") || strings.Contains(facts, "is not in new") {
		t.Errorf("nothing could be read, and this is said: %s", facts)
	}
}
