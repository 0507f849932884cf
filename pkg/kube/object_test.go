package kube_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

func step(c *kube.Cluster, k kube.Kind, want *unstructured.Unstructured) kube.Object {
	return kube.Object{
		Cluster: c, Plan: plan, Kind: k, Namespace: want.GetNamespace(), Name: want.GetName(),
		Want: wants(want), Limit: time.Minute, Knob: "windows.ready",
	}
}

func observe(t *testing.T, s phase.Step, want phase.State) phase.Observation {
	t.Helper()
	o, err := s.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o.State != want || o.Detail == "" {
		t.Fatalf("%s: %s (%s)\n%s, want %s", s.ID, o.State, o.Detail, o.Diff, want)
	}
	return o
}

func reverted(t *testing.T, s phase.Step, was json.RawMessage, want phase.State) {
	t.Helper()
	o, err := s.Reverted(t.Context(), was)
	if err != nil {
		t.Fatal(err)
	}
	if o.State != want || o.Detail == "" {
		t.Fatalf("%s taken back: %s (%s), want %s", s.ID, o.State, o.Detail, want)
	}
}

func TestDriftIsShownAndRepairedAndTakenBackToWhatItWas(t *testing.T) {
	c, ns := connect(t)
	s := step(c, kube.Service, service(ns, "web", 80)).Step()
	must(t, s.Apply(t.Context()))
	must(t, c.Patch(t.Context(), kube.Service, ns, "web", []kube.Op{{Op: "replace", Path: "/spec/ports/0/port", Value: 81}}))
	o := observe(t, s, phase.Pending)
	if o.Diff != "spec.ports[0].port: 81 -> 80\n" {
		t.Errorf("diff %q", o.Diff)
	}
	must(t, s.Apply(t.Context()))
	observe(t, s, phase.Done)
	reverted(t, s, o.Was, phase.Pending)
	must(t, s.Revert(t.Context(), o.Was))
	reverted(t, s, o.Was, phase.Done)
}

func TestAnotherSelectorLabelIsDrift(t *testing.T) {
	c, ns := connect(t)
	s := step(c, kube.Service, service(ns, "web", 80)).Step()
	must(t, s.Apply(t.Context()))
	must(t, c.Patch(t.Context(), kube.Service, ns, "web", []kube.Op{{Op: "add", Path: "/spec/selector/track", Value: "canary"}}))
	if o := observe(t, s, phase.Pending); !strings.Contains(o.Diff, "spec.selector.track: canary -> (none)") {
		t.Errorf("diff %q", o.Diff)
	}
	must(t, s.Apply(t.Context()))
	observe(t, s, phase.Done)
}

func TestAnObjectOfSomebodyElseIsDoneIfEqualAndFailedIfNot(t *testing.T) {
	c, ns := connect(t)
	theirs := service(ns, "web", 80)
	theirs.SetLabels(map[string]string{kube.LabelManaged: "Helm"})
	theirs.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "shop"})
	_, err := c.Create(t.Context(), theirs)
	must(t, err)
	observe(t, step(c, kube.Service, service(ns, "web", 80)).Step(), phase.Done)
	s := step(c, kube.Service, service(ns, "web", 81)).Step()
	if o := observe(t, s, phase.Failed); !strings.Contains(o.Detail, "Helm release shop") {
		t.Errorf("detail %q", o.Detail)
	}
	if err := s.Apply(t.Context()); err == nil {
		t.Error("it was applied over")
	}
	if err := s.Revert(t.Context(), json.RawMessage("null")); err == nil {
		t.Error("it was deleted")
	}
}

func TestWhatIsWantedOnceIsLeftToItsOwner(t *testing.T) {
	c, ns := connect(t)
	o := step(c, kube.Deployment, deployment(ns, "web"))
	o.Once = []string{"spec.replicas"}
	s := o.Step()
	must(t, s.Apply(t.Context()))
	if intent, err := json.Marshal(s.Intent); err != nil || strings.Contains(string(intent), "replicas") || !strings.Contains(string(intent), "containers") {
		t.Errorf("what is approved is %s (%v), want the containers and not the replicas", intent, err)
	}
	must(t, c.Patch(t.Context(), kube.Deployment, ns, "web", []kube.Op{{Op: "replace", Path: "/spec/replicas", Value: 7}}))
	observe(t, s, phase.Done)
	must(t, c.Patch(t.Context(), kube.Deployment, ns, "web", []kube.Op{{Op: "replace", Path: "/spec/minReadySeconds", Value: 5}, {Op: "add", Path: "/metadata/labels/x", Value: "y"}}))
	observe(t, s, phase.Done) // minReadySeconds is not wanted either way
	must(t, c.Patch(t.Context(), kube.Deployment, ns, "web", []kube.Op{{Op: "replace", Path: "/spec/template/spec/containers/0/image", Value: "other"}}))
	observe(t, s, phase.Pending)
	must(t, s.Apply(t.Context()))
	observe(t, s, phase.Done)
	live, err := c.Read(t.Context(), kube.Deployment, ns, "web")
	must(t, err)
	if n, _, _ := unstructured.NestedInt64(live.Object, "spec", "replicas"); n != 7 {
		t.Errorf("%d replicas after a repair, want 7", n)
	}
}

func TestAMaskedStepNeverShowsAValue(t *testing.T) {
	c, ns := connect(t)
	secret := func(value string) *unstructured.Unstructured {
		return object(kube.Secret, ns, "tls", map[string]any{"type": "Opaque", "stringData": map[string]any{"key": value}})
	}
	masked := func(value string) phase.Step {
		o := step(c, kube.Secret, secret(value))
		o.Masked = true
		return o.Step()
	}
	a, b := masked("canary-a"), masked("canary-b")
	shown := observe(t, a, phase.Pending)
	must(t, a.Apply(t.Context()))
	observe(t, a, phase.Done)
	drift := observe(t, b, phase.Pending)
	intents := make([]string, 2)
	for i, s := range []phase.Step{a, b} {
		intent, err := json.Marshal(s.Intent)
		must(t, err)
		intents[i] = string(intent)
	}
	all := shown.Diff + string(shown.Was) + drift.Diff + drift.Detail + string(drift.Was) + intents[0] + intents[1]
	for _, bad := range []string{"canary", "Y2FuYXJ5"} { // plain, and the beginning in base64
		if strings.Contains(all, bad) {
			t.Errorf("a value is in %s", all)
		}
	}
	if intents[0] == intents[1] {
		t.Error("two different Secrets have one intent")
	}
	if !strings.Contains(drift.Diff, "data.key: differs") {
		t.Errorf("diff %q", drift.Diff)
	}
	must(t, b.Apply(t.Context()))
	observe(t, b, phase.Done)
	reverted(t, b, drift.Was, phase.Done) // it was ours, and nobody kept the content
	must(t, b.Revert(t.Context(), shown.Was))
	reverted(t, b, shown.Was, phase.Done)
}

func TestReadyJudgesOnlyWhatIsAsWanted(t *testing.T) {
	c, ns := connect(t)
	o := step(c, kube.ConfigMap, config(ns, "a", "x"))
	asked := 0
	o.Ready = func(_ context.Context, live *unstructured.Unstructured) (phase.Observation, error) {
		asked++
		return phase.Observation{State: phase.Settling, Detail: "warming " + live.GetName()}, nil
	}
	s := o.Step()
	observe(t, s, phase.Pending)
	if asked != 0 {
		t.Error("asked about an absent object")
	}
	must(t, s.Apply(t.Context()))
	if got := observe(t, s, phase.Settling); got.Detail != "warming a" {
		t.Errorf("detail %q", got.Detail)
	}
}

func TestAStepWithoutASnapshotIsNotTakenBack(t *testing.T) {
	c, ns := connect(t)
	s := step(c, kube.ConfigMap, config(ns, "a", "x")).Step()
	must(t, s.Apply(t.Context()))
	if err := s.Revert(t.Context(), nil); err == nil {
		t.Error("deleted on no evidence")
	}
	observe(t, s, phase.Done)
}
