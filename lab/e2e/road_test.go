package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// least is how many requests the main load has sent by the end, for its result to mean anything.
const least = 15_000

func (r *rig) apply(t *testing.T, phase string) {
	t.Helper()
	r.well(t, "apply", "--phase", phase)
	r.lossless(t)
}

// forthBy goes forth by a phase, and backBy takes it back: where are the flags of the rollback, before is what there was.
type (
	forthBy func(t *testing.T, phase string)
	backBy  func(t *testing.T, phase string, before map[string]rehearse.Snapshot, where ...string)
)

// plainly takes a phase back while nothing goes wrong.
func (r *rig) plainly(t *testing.T, _ string, _ map[string]rehearse.Snapshot, where ...string) {
	t.Helper()
	r.well(t, "rollback", where...)
}

// thereAndBack runs one phase and takes it back: both clusters are to be as they were. It returns what they held in
// between.
func (r *rig) thereAndBack(t *testing.T, phases []string, i int, forth forthBy, back backBy) (there map[string]rehearse.Snapshot) {
	before := r.snapshots(t)
	forth(t, phases[i])
	there = r.snapshots(t)
	if !slices.ContainsFunc(world.Clusters(), func(c world.Cluster) bool { return len(changes(before[c.Name], there[c.Name])) > 0 }) {
		t.Error("the phase changed nothing in either cluster: its way back would prove nothing")
	}
	where := []string{"--phase", phases[i]} // before the first there is none to go back to
	if i > 0 {
		where = []string{"--to", phases[i-1]}
	}
	back(t, phases[i], before, where...)
	r.lossless(t)
	r.asBefore(t, before)
	return there
}

// asBefore wants both clusters to be as they were.
func (r *rig) asBefore(t *testing.T, before map[string]rehearse.Snapshot) {
	t.Helper()
	// Controllers still tidy up behind objects that were deleted.
	r.until(t, "both clusters are as they were before", settled, func() error {
		var differ []string
		for name, after := range r.snapshots(t) {
			for _, d := range changes(before[name], after) {
				differ = append(differ, name+": "+d)
			}
		}
		if len(differ) > 0 {
			return fmt.Errorf("%d differences:\n%s", len(differ), strings.Join(differ, "\n"))
		}
		return nil
	})
}

// snapshots are of both clusters, taken side by side.
func (r *rig) snapshots(t *testing.T) map[string]rehearse.Snapshot {
	t.Helper()
	clusters := world.Clusters()
	taken, errs := make([]rehearse.Snapshot, len(clusters)), make([]error, len(clusters))
	var all sync.WaitGroup
	for i, c := range clusters {
		all.Go(func() {
			taken[i], errs[i] = rehearse.Take(t.Context(), r.world.Kubeconfig(c, world.UserAdmin), world.Namespaces()...)
		})
	}
	all.Wait()
	out := map[string]rehearse.Snapshot{}
	for i, c := range clusters {
		if out[c.Name] = taken[i]; errs[i] != nil || len(taken[i]) == 0 {
			t.Fatalf("take a snapshot of %s: %d objects, %v", c.Name, len(taken[i]), errs[i])
		}
	}
	return out
}

func (r *rig) take(t *testing.T, c world.Cluster) rehearse.Snapshot {
	t.Helper()
	s, err := rehearse.Take(t.Context(), r.world.Kubeconfig(c, world.UserAdmin), world.Namespaces()...)
	if err != nil {
		t.Fatalf("take a snapshot of %s: %v", c.Name, err)
	}
	return s
}

// changes are the differences but for the tool's own memory: its journal, which a way back makes longer, and the inventory.
func changes(before, after rehearse.Snapshot) []string {
	return slices.DeleteFunc(rehearse.Diff(before, after), func(line string) bool {
		key, _, _ := strings.Cut(line, ":")
		name, memory := strings.CutPrefix(key, world.SystemSpace+"/ConfigMap/cutover-")
		return memory && (strings.Contains(name, "-journal") || strings.Contains(name, "-inventory"))
	})
}

// move sends the clients that follow the names to an entry.
func (r *rig) move(t *testing.T, to world.Cluster) {
	t.Helper()
	if err := r.load.Move(rehearse.Movers, rehearse.EntryOf(to)); err != nil {
		t.Fatal(err)
	}
}

// leaveOld ends the clients at old's entry, which new answers by then.
func (r *rig) leaveOld(t *testing.T) {
	t.Helper()
	if err := r.answers(t, world.Old, world.New); err != nil {
		t.Fatalf("new does not answer everything through old's entry: %v", err)
	}
	if err := r.load.End(rehearse.Stayers); err != nil {
		t.Fatal(err)
	}
}

// end stops the main load, and judges requests that had no answer yet as well.
func (r *rig) end(t *testing.T) {
	c, err := r.load.Stop()
	if r.ended = true; err != nil {
		t.Error(err)
	}
	if c.Sent < least {
		t.Errorf("only %d requests were sent, a result needs %d", c.Sent, least)
	}
	if c.ByCluster[world.Old.Name] == 0 || c.ByCluster[world.New.Name] == 0 {
		t.Errorf("one cluster never answered: %v", c.ByCluster)
	}
}
