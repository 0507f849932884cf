package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// routeSwapped is the line that tells that clients are led to new.
func routeSwapped(l rehearse.Line) bool {
	return l.Word == "done" && strings.HasPrefix(l.Title, "swap the routes")
}

// whiles takes each API server away in the middle of a wave, for real, and gives it back.
func (r *rig) whiles(t *testing.T, moved map[string]rehearse.Snapshot) {
	began := time.Now()

	// new's API server dies after clients were led to new's pods: they go on being served, and the run cannot tell.
	s := r.server(t, world.New)
	run := r.strike(t, routeSwapped, func() { s.signal(t, syscall.SIGKILL) }, "apply", "--phase", loneWave)
	run.reached(t)
	pause(t.Context(), outage)
	s.restart(t)
	r.broke(t, "new killed in a wave", broken, run.end(t, verbEnd))
	r.lossless(t)
	r.exits(t, 0, "apply", "--phase", loneWave)

	// old's API server dies in the same moment: clients are new's already, and nothing may end in old before it can be asked. The
	// run may still wait for that when it is back.
	r.exits(t, 0, "rollback", "--to", "routes")
	s = r.server(t, world.Old)
	run = r.strike(t, routeSwapped, func() { s.signal(t, syscall.SIGKILL) }, "apply", "--phase", loneWave)
	run.reached(t)
	pause(t.Context(), outage)
	s.restart(t)
	if got := run.end(t, verbEnd); got.Code == 0 {
		r.toldUnsure(t, "old killed in a wave", got)
	} else {
		r.broke(t, "old killed in a wave", broken, got)
	}
	r.lossless(t)
	r.exits(t, 0, "apply", "--phase", loneWave)

	// old's API server dies while old is scaled up again: whether that was written nobody can tell, until it is back.
	s = r.server(t, world.Old)
	run = r.strike(t, at("", "undoing"), func() { s.signal(t, syscall.SIGKILL) }, "rollback", "--to", "routes")
	run.reached(t)
	pause(t.Context(), outage)
	s.restart(t)
	r.broke(t, "old killed on the way back", stuck, run.end(t, verbEnd))
	r.exits(t, 0, "rollback", "--to", "routes")
	r.asBefore(t, moved)

	// new's API server stops answering, and answers late what it was asked.
	s = r.server(t, world.New)
	t.Cleanup(func() { _ = syscall.Kill(s.pid, syscall.SIGCONT) })
	run = r.strike(t, at("", "doing"), func() { s.signal(t, syscall.SIGSTOP) }, "apply", "--phase", loneWave)
	run.reached(t)
	pause(t.Context(), outage)
	s.signal(t, syscall.SIGCONT)
	s.atWork(t)
	r.broke(t, "new stopped in a wave", broken, run.end(t, verbEnd))
	r.exits(t, 0, "apply", "--phase", loneWave)
	r.writtenOnce(t, began)
}

// forGood takes old's API server away in the middle of a wave until the run has ended by itself: clients are new's by then, whether it
// can go back depends on what it last asked of old, and the same command ends it.
func (r *rig) forGood(t *testing.T) {
	r.exits(t, 0, "rollback", "--to", "routes")
	s := r.server(t, world.Old)
	run := r.strike(t, routeSwapped, func() { s.signal(t, syscall.SIGKILL) }, "apply", "--phase", loneWave)
	run.reached(t)
	got := run.end(t, verbEnd)
	s.restart(t)
	r.broke(t, "old gone for good in a wave", broken, got)
	r.exits(t, 0, "apply", "--phase", loneWave)
	r.whole(t)
}

// broke judges a run that lost an API server under way.
func (r *rig) broke(t *testing.T, name string, code int, got rehearse.Result) {
	t.Helper()
	t.Logf("%s: %.1f s", name, got.Took.Seconds())
	if got.Code != code {
		t.Errorf("%s: exit code %d, want %d:\n%s", name, got.Code, code, got.Stderr)
	}
	r.toldUnsure(t, name, got)
	if text := "go on:    cutover "; !strings.Contains(string(got.Stderr), text) {
		t.Errorf("%s: it does not say %q:\n%s", name, text, got.Stderr)
	}
	r.lossless(t)
}

// toldUnsure wants a run to have said that it could not tell for a while.
func (r *rig) toldUnsure(t *testing.T, name string, got rehearse.Result) {
	t.Helper()
	if text := "could not tell, the API server of "; !strings.Contains(string(got.Stderr), text) {
		t.Errorf("%s: it does not say %q:\n%s", name, text, got.Stderr)
	}
}

// oldAsBefore is asBefore for old alone: nobody can ask new.
func (r *rig) oldAsBefore(t *testing.T, before map[string]rehearse.Snapshot) {
	t.Helper()
	r.until(t, "old is as it was before", settled, func() error {
		if d := changes(before[world.Old.Name], r.take(t, world.Old)); len(d) > 0 {
			return fmt.Errorf("%d differences:\n%s", len(d), strings.Join(d, "\n"))
		}
		return nil
	})
}

const giveUp = "new's API server is gone for good"

// fromCopy goes back by old's copy of the journal, and forth again once the copy is gone.
func (f *faults) fromCopy(t *testing.T, moved map[string]rehearse.Snapshot) {
	f.byCopy(t, f.sees, loneWave, moved, "--to", "routes")
	f.exits(t, 0, "apply", "--phase", loneWave)
}

// byCopy goes back by old's copy of the journal while new refuses connections, to the tool alone; then new is back after
// all, and what is left in it is taken back too. see judges what is said.
func (f *faults) byCopy(t *testing.T, see judge, wave string, before map[string]rehearse.Snapshot, where ...string) {
	t.Helper()
	f.through(t, func() {
		f.obey()
		f.at[world.New.Name].Leave()
		see(t, "gone-rollback", f.exits(t, unsure, "rollback", where...))
		see(t, "gone-break-glass", f.exits(t, stuck, "rollback", slices.Concat(where, []string{"--break-glass", giveUp})...))
		f.lossless(t)
		f.oldAsBefore(t, before)
		f.isBack(t, world.New)
		see(t, "back-apply", f.exits(t, refused, "apply", "--phase", wave))
		f.exits(t, 0, "rollback", where...)
	})
	f.asBefore(t, before)
	f.dropCopy(t)
}

// judge says whether a run told what it should, by the name of the case.
type judge func(t *testing.T, name string, got rehearse.Result)

// dropCopy deletes old's copy of the journal, as the gate "copy" says.
func (r *rig) dropCopy(t *testing.T) {
	t.Helper()
	maps := r.client(t, world.Old).CoreV1().ConfigMaps(world.SystemSpace)
	of := metav1.ListOptions{LabelSelector: "cutover.dev/state,cutover.dev/plan=demo"}
	list, err := maps.List(t.Context(), of)
	if err == nil {
		err = maps.DeleteCollection(t.Context(), metav1.DeleteOptions{}, of)
	}
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("delete old's copy of the journal: %d ConfigMaps, %v", len(list.Items), err)
	}
}

// damageCopy breaks old's copy of the journal, as a restored backup or a careless hand would.
func (r *rig) damageCopy(t *testing.T) {
	t.Helper()
	maps := r.client(t, world.Old).CoreV1().ConfigMaps(world.SystemSpace)
	list, err := maps.List(t.Context(), metav1.ListOptions{LabelSelector: "cutover.dev/state=journal,cutover.dev/plan=demo"})
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("read old's copy of the journal: %v", err)
	}
	for i := range list.Items {
		for key, data := range list.Items[i].BinaryData {
			list.Items[i].BinaryData[key] = data[:len(data)/2]
		}
		if _, err := maps.Update(t.Context(), &list.Items[i], metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// exported is a file with the journal.
func (r *rig) exported(t *testing.T) string {
	t.Helper()
	file := filepath.Join(r.out, "exported.jsonl")
	if err := os.WriteFile(file, r.exits(t, 0, "journal", "export").Stdout, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// fromFile goes back by an exported journal: new's API server is killed and stays away.
func (f *faults) fromFile(t *testing.T, moved map[string]rehearse.Snapshot) {
	file := f.exported(t)
	f.server(t, world.New).signal(t, syscall.SIGKILL)
	f.byFile(t, f.sees, file, moved, "--to", "routes")
	if err := f.answers(t, world.Old, world.Old); err != nil {
		t.Errorf("old does not answer every host at its own entry: %v", err)
	}
}

// byFile goes back by that file once old's copy is damaged; new is gone. see judges what is said.
func (f *faults) byFile(t *testing.T, see judge, file string, before map[string]rehearse.Snapshot, where ...string) {
	t.Helper()
	f.damageCopy(t)
	back := slices.Concat(where, []string{"--break-glass", giveUp})
	see(t, "lost-damaged", f.exits(t, stuck, "rollback", back...))
	back = append(back, "--journal", file)
	see(t, "lost-damaged-file", f.exits(t, refused, "rollback", back...))
	f.dropCopy(t)
	see(t, "lost-from-file", f.exits(t, stuck, "rollback", back...))
	f.lossless(t)
	f.oldAsBefore(t, before)
}

// stuck is the tool's exit code for: a person is needed.
const stuck = 5
