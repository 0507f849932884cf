package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

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
	granted, err := rehearse.Granted(t.Context(), r.tool)
	if err != nil {
		t.Fatal(err)
	}
	r.until(t, "every right is used and every use granted", settled, func() error { // a log is some seconds late
		got, err := rehearse.Judge(r.world, granted)
		if err != nil {
			return err
		}
		if len(got.Wrong) > 0 {
			return fmt.Errorf("%d rights are wrong:\n%s", len(got.Wrong), strings.Join(got.Wrong, "\n"))
		}
		t.Logf("%d rights are granted, %d different ones were used, none was denied", got.Granted, got.Used)
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
