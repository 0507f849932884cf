package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// wrongWorld is a brisk plan with a wave of one workload.
func wrongWorld() setting {
	return setting{out: "wrong", plan: slices.Concat(brisk, loneWorkload), swift: true}
}

// One lab and one short road with all that a user, a cluster or an application can get wrong beside it. Each time the tool
// has to end with the right exit code, to say what to do, to leave nothing half-written and to cost no client an answer.
// Each fault is taken away again, and the road goes on. What does not get as far as to the lock, or only looks, runs side by side.
func TestAWrongWorldIsNamedAndNothingIsLeftHalfWritten(t *testing.T) {
	wanted(t)
	r := start(t, wrongWorld())
	r.made = map[string]string{}
	r.withSecrets()
	before := r.snapshots(t)
	r.part(t, "what is not the plan's world is refused", func(t *testing.T, r *rig) { r.wrongClusters(t) })
	r.part(t, "a bridge that is none", func(t *testing.T, r *rig) { r.wrongBridges(t) })
	r.part(t, "routes", func(t *testing.T, r *rig) { r.apply(t, "routes") })
	r.part(t, "what changed by hand since", func(t *testing.T, r *rig) { r.wrongHands(t) })
	r.part(t, "clients move to new", func(t *testing.T, r *rig) { r.move(t, world.New) })
	r.part(t, "a workload that new cannot run", func(t *testing.T, r *rig) { r.wrongWorkloads(t) })
	r.part(t, "what changes while clients are sent on", func(t *testing.T, r *rig) { r.wrongTail(t) })
	r.part(t, "all of it can be taken back", func(t *testing.T, r *rig) {
		r.well(t, "rollback", "--to", "routes")
		r.setting(t, failReady, nil)
		r.move(t, world.Old)
		r.well(t, "rollback", "--phase", "routes")
		r.well(t, "rollback", "--phase", "proxy")
		r.asBefore(t, before)
	})
	r.part(t, "no secret is anywhere", func(t *testing.T, r *rig) { r.canaries(t) })
}

// variant writes the plan with other texts in it, each there once, and returns its path.
func (r *rig) variant(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	text := readFile(t, filepath.Join(r.out, "plan.yaml"))
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("the plan does not have %q once, to be made %q", pairs[i], pairs[i+1])
		}
	}
	path := filepath.Join(r.out, name+".yaml")
	writeFile(t, path, strings.NewReplacer(pairs...).Replace(text))
	return path
}

// untouched wants the tool to have written nothing but its own memory since then, and both clusters to be as before f.
func (r *rig) untouched(t *testing.T, f func()) {
	t.Helper()
	before, since := r.snapshots(t), time.Now()
	f()
	r.asBefore(t, before)
	if err := rehearse.Beyond(r.written(t, since), rehearse.Write.Memory); err != nil {
		t.Errorf("a run that was refused wrote: %v", err)
	}
}

// back takes the wave back and wants both clusters to be as they were.
func (r *rig) back(t *testing.T, phase string, before map[string]rehearse.Snapshot) {
	t.Helper()
	r.well(t, "rollback", "--phase", phase)
	r.lossless(t)
	r.asBefore(t, before)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
