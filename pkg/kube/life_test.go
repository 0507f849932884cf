package kube_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
)

// living is a namespace on the shared server in which every write of the client is counted, and all that is there compared.
func living(t *testing.T) (*kube.Cluster, string, *kubetest.Cluster, phasetest.World) {
	t.Helper()
	ns := strings.ToLower(t.Name())
	around := kubetest.Shared(t).Cluster(t, ns)
	w := phasetest.World{Writes: around.Writes, State: func() any { return around.Objects() }, Turn: func() { time.Sleep(5 * time.Millisecond) }}
	return dial(t, around.Kubeconfig), ns, around, w
}

func objectStep(c *kube.Cluster, want *unstructured.Unstructured) func() phase.Step {
	return func() phase.Step {
		k, _ := kube.KindNamed(want.GetKind())
		o := step(c, k, want)
		o.Masked = k == kube.Secret
		return o.Step()
	}
}

func TestAStepLivesItsLifeForEveryKindThatPhasesWrite(t *testing.T) {
	c, ns, _, w := living(t)
	for _, u := range everyKind(ns) {
		phasetest.TestStep(t, w, objectStep(c, u))
	}
}

// pair is an object as it is wanted, and as it was found.
type pair struct{ wanted, found *unstructured.Unstructured }

// different are objects of the kinds that matter most, with one field that is not as wanted.
func different(t *testing.T, ns string) (all []pair) {
	t.Helper()
	for _, u := range []*unstructured.Unstructured{config(ns, "a", "x"), service(ns, "a", 80), deployment(ns, "a"), everyKind(ns)[5]} {
		p := pair{u.DeepCopy(), u}
		switch u.GetKind() {
		case "ConfigMap":
			u.Object["data"] = map[string]any{"key": "other", "more": "than wanted"}
		case "Service":
			must(t, unstructured.SetNestedStringMap(u.Object, map[string]string{"app": "other", "track": "canary"}, "spec", "selector"))
		case "Deployment":
			must(t, unstructured.SetNestedField(u.Object, int64(3), "spec", "replicas"))
		case "Ingress":
			must(t, unstructured.SetNestedField(u.Object, "other", "spec", "ingressClassName"))
		}
		all = append(all, p)
	}
	return all
}

func TestAStepOnAnObjectOfOursThatDiffersLivesItsLife(t *testing.T) {
	c, ns, _, w := living(t)
	for _, p := range different(t, ns) {
		must(t, c.Apply(t.Context(), own(p.found)))
		phasetest.TestStep(t, w, objectStep(c, p.wanted))
	}
}

func TestAStepOnAnObjectOfSomebodyElseWritesNothing(t *testing.T) {
	c, ns, _, w := living(t)
	secret := func(value string) *unstructured.Unstructured {
		return object(kube.Secret, ns, "a", map[string]any{"stringData": map[string]any{"key": value}})
	}
	all := append(different(t, ns), pair{secret("a"), secret("b")})
	for _, p := range all {
		_, err := c.Create(t.Context(), p.found)
		must(t, err)
	}
	before, writes := w.State(), w.Writes()
	for _, p := range all {
		s := objectStep(c, p.wanted)()
		observe(t, s, phase.Failed)
		reverted(t, s, json.RawMessage("null"), phase.Failed)
		for what, err := range map[string]error{"Apply": s.Apply(t.Context()), "Revert": s.Revert(t.Context(), json.RawMessage("null"))} {
			if fault.CodeOf(err) != fault.Refused {
				t.Errorf("%s of %s: %v, want a refusal", what, s.ID, err)
			}
		}
	}
	if d := cmp.Diff(before, w.State()); d != "" || w.Writes() != writes {
		t.Errorf("%d writes:\n%s", w.Writes()-writes, d)
	}
}
