package e2e

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover.dev/cutover/lab/faulty"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// lasting is a fault that does not end before the run does.
type lasting struct {
	name string
	at   world.Cluster
	rule faulty.Rule
}

// lasts runs the proxy phase under the fault, and wants the exit code and what the user sees.
func (f *faults) lasts(t *testing.T, l lasting, code int) {
	t.Helper()
	f.through(t, func() {
		f.obey()
		f.at[l.at.Name].Obey(l.rule)
		got := f.exits(t, code, "apply", "--phase", "proxy")
		t.Logf("%s: %.1f s", l.name, got.Took.Seconds())
		f.ends(t, "api/"+l.name, got, "could not tell, the API server of "+l.at.Name+" gave no answer: ")
		f.doubled(t)
	})
}

// before fails every call from the first one on: nothing may have been written, and the tool cannot tell.
func (f *faults) before(t *testing.T) {
	for _, l := range []lasting{
		{name: "new-500", at: world.New, rule: faulty.Rule{Do: faulty.Answer500}},
		{name: "old-reset", at: world.Old, rule: faulty.Rule{Do: faulty.Reset}},
		{name: "new-429", at: world.New, rule: faulty.Rule{Do: faulty.TooMany}},
		{name: "new-hang", at: world.New, rule: faulty.Rule{Do: faulty.Hang}},
		{name: "lock-500", at: world.New, rule: faulty.Rule{Resource: "leases", Do: faulty.Answer500}},
		{name: "journal-500", at: world.New, rule: faulty.Rule{Verb: "list", Resource: "configmaps", Namespace: world.SystemSpace, Do: faulty.Answer500}},
	} {
		f.lasts(t, l, unsure)
		for name, p := range f.at {
			for _, c := range p.Calls() {
				if c.Writes() && c.Fault == "" && c.Resource != "leases" {
					t.Errorf("%s: written to %s, though it could not tell: %s", l.name, name, c)
				}
			}
		}
	}
}

// second is a fault of the second Service that is made, and of all calls that follow.
func second(do faulty.Fault) faulty.Rule {
	return faulty.Rule{Verb: "create", Resource: "services", From: 2, All: true, Do: do}
}

// midway fails a call in mid-phase, and all that follow: what was begun is in the journal, and the same command finishes it.
func (f *faults) midway(t *testing.T, before map[string]rehearse.Snapshot) {
	for _, l := range []lasting{
		{name: "midway-new-500", at: world.New, rule: second(faulty.Answer500)},
		{name: "midway-new-lost", at: world.New, rule: second(faulty.Lose)},
		{name: "midway-new-429", at: world.New, rule: second(faulty.TooMany)},
		{name: "midway-new-reset", at: world.New, rule: second(faulty.Reset)},
		{name: "midway-new-hang", at: world.New, rule: second(faulty.Hang)},
		{name: "midway-new-gone", at: world.New, rule: second(faulty.Vanish)},
		{name: "midway-old-500", at: world.Old, rule: second(faulty.Answer500)},
		{name: "midway-old-gone", at: world.Old, rule: second(faulty.Vanish)},
		{name: "midway-only-services", at: world.New, rule: faulty.Rule{Verb: "create", Resource: "services", Do: faulty.Answer500}},
	} {
		f.lasts(t, l, broken)
		if err := f.at[l.at.Name].Back(); err != nil {
			t.Fatal(err)
		}
		f.exits(t, 0, "apply", "--phase", "proxy")
		f.exits(t, 0, "rollback", "--phase", "proxy")
		f.asBefore(t, before)
	}
}

// drift changes something that the proxy phase made, so that it has to be applied again.
func (f *faults) drift(t *testing.T) {
	t.Helper()
	patch := []byte(`[{"op": "replace", "path": "/spec/rules/0/host", "value": "elsewhere.test"}]`)
	_, err := f.client(t, world.New).NetworkingV1().Ingresses(loneSpace).Patch(t.Context(), "cutover-keeper", types.JSONPatchType, patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// outage is how long an API server is gone: longer than the tool believes in its lock without renewing it.
const outage = 30 * time.Second
