package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/audit"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// excuses are the rights that this road does not use, and why they are granted nevertheless.
var excuses = []audit.Excuse{
	{Right: audit.Right{Verb: "get"}, With: "watch", Why: "while a watch is not to be believed, single objects are asked for"},
	{Right: audit.Right{Verb: "list"}, With: "watch", Why: "API servers before 1.34 do not stream a first list"},
	{Right: audit.Right{Verb: "patch"}, With: "create", Why: "what the tool made is set right where it drifted: apply --repair"},
	{
		Right: audit.Right{Verb: "create", Resource: "pods/portforward"}, With: "get",
		Why: "from 1.35 on an API server wants create for the same request, as it does where WebSockets do not pass",
	},
	{Right: audit.Right{Cluster: "old", Resource: "leases"}, Why: "the lock of a way back when new is gone: rollback --break-glass"},
	{Right: audit.Right{Cluster: "new", Verb: "get", Resource: "priorityclasses"}, Why: "looked for where a workload names one"},
	{Right: audit.Right{Cluster: "new", Verb: "get", Resource: "runtimeclasses"}, Why: "looked for where a workload names one"},
	{Right: audit.Right{Cluster: "new", Verb: "get", Resource: "storageclasses"}, Why: "looked for where a volume names one"},
	{Right: audit.Right{Cluster: "new", Verb: "get", Resource: "clusterroles"}, Why: "looked for where a RoleBinding names one"},
	{Right: audit.Right{User: "run", Cluster: "old", Verb: "list", Resource: "pods"}, Why: "looked at after a failure, wherever it was", Chance: true},
	{Right: audit.Right{User: "run", Cluster: "old", Verb: "list", Resource: "events"}, Why: "looked at after a failure, wherever it was", Chance: true},
	{Right: audit.Right{User: "plan", Verb: "list", Resource: "pods"}, Why: "asked why a workload in new is not ready"},
	{Right: audit.Right{User: "plan", Verb: "list", Resource: "events"}, Why: "asked why a workload in new is not ready"},
}

// identities are the tool's, by their names in audit logs.
var identities = map[string]string{world.Account(world.UserRun): "run", world.Account(world.UserPlan): "plan"}

// admit gives the tool what it says that it needs for the test's own plan. For the demo's it has that already.
func (r *rig) admit(t *testing.T) {
	t.Helper()
	if err := rehearse.Admit(t.Context(), r.world, r.tool); err != nil {
		t.Fatal(err)
	}
}

// planOnly asks everything that an identity may ask that reads no Secret and writes nothing. Its digests are those of
// who will run the phases.
func (r *rig) planOnly(t *testing.T, phases []string) {
	var digests []string
	for _, phase := range phases {
		digests = append(digests, digest(t, r.verb(t, "plan", "--phase", phase).Stdout))
	}
	r.asPlanner(func() {
		for i, phase := range phases {
			r.well(t, "plan", "--phase", phase, "--expect-digest", digests[i])
		}
		r.well(t, "next")
	})
}

// stillHolds lets who only plans look at what was done, certificates among it, and at what comes next.
func (r *rig) stillHolds(t *testing.T, phase string) {
	r.asPlanner(func() {
		r.well(t, "verify", "--phase", phase)
		r.well(t, "plan")
		r.well(t, "status")
	})
}

// asPlanner runs the tool as the identity that only plans.
func (r *rig) asPlanner(f func()) {
	as := r.tool.Env
	defer func() { r.tool.Env = as }()
	r.tool.Env = r.world.EnvironmentOf(world.UserPlan)
	f()
}

// rights wants every right that the tool was given to be used, and every right that it used to be given, by what the
// audit logs of both API servers say.
func (r *rig) rights(t *testing.T) {
	var granted []audit.Right
	for _, c := range world.Clusters() {
		for _, role := range identities {
			text, err := os.ReadFile(filepath.Join(r.tool.Dir, "docs", "rbac", fmt.Sprintf("%s-%s.yaml", c.Name, role)))
			if err != nil {
				t.Fatal(err)
			}
			some, err := audit.Granted(text, c.Name, role)
			if err != nil {
				t.Fatal(err)
			}
			granted = append(granted, some...)
		}
	}
	r.until(t, "every right is used and every use granted", settled, func() error { // a log is up to 30 s late
		var uses audit.Uses
		for _, c := range world.Clusters() {
			if err := uses.Read(r.world.Audit(c), c.Name, identities); err != nil {
				return err
			}
		}
		if wrong := audit.Compare(granted, uses, excuses); len(wrong) > 0 {
			return fmt.Errorf("%d rights are wrong:\n%s", len(wrong), strings.Join(wrong, "\n"))
		}
		t.Logf("%d rights are granted, %d different ones were used, none was denied", len(granted), len(uses.Allowed))
		return nil
	})
}

// digest is what a plan prints as JSON under that name.
func digest(t *testing.T, plan []byte) string {
	t.Helper()
	var d struct{ Digest string }
	if err := json.Unmarshal(plan, &d); err != nil || d.Digest == "" {
		t.Fatalf("a plan without a digest (%v):\n%s", err, plan)
	}
	return d.Digest
}
