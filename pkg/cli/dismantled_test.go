package cli_test

import (
	"os"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/cleanup"
)

// Once cleanup has begun to delete old's own objects, what is gone must not keep it from going on, and what it did not
// delete must.
func TestCleanupGoesOnAlthoughItDeletedWhatItStoodOn(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile(w.plan)
	if err == nil {
		text = []byte(strings.Replace(string(text), "through: routes", "through: cleanup\n  cleanup: {delete: [Deployment]}", 1))
		err = os.WriteFile(w.plan, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.moved(t, false)
	old := w.connect(t, phase.Old)
	gone := func(kind kube.Kind) {
		t.Helper()
		u, err := old.Read(t.Context(), kind, "shop", "web")
		if err == nil {
			err = old.Delete(t.Context(), kind, "shop", "web", u.GetUID())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := cluster.New(w.connect(t, phase.New), "cutover-system", "two")
	wrote := func(what journal.What) {
		t.Helper()
		_, version, err := s.Load(t.Context())
		if err == nil {
			step := journal.Entry{Phase: cleanup.Name, Step: cleanup.OwnPrefix + "shop/Deployment/web", Gen: 1, What: what}
			_, err = s.Append(t.Context(), version, []journal.Entry{step})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	gone(kube.Deployment)
	for _, what := range []journal.What{"", journal.Done} { // that stands for: it found it gone, or it stays
		if what != "" {
			wrote(what)
		}
		if code, out, errs := w.run(t, []string{"plan"}); code == 0 || !strings.Contains(out+errs, "shop/Deployment/web") {
			t.Errorf("somebody else deleted it, cleanup says %q, and plan has code %d\n%s%s", what, code, out, errs)
		}
	}
	wrote(journal.Begun)
	if code, out, errs := w.run(t, []string{"plan"}); code != 0 {
		t.Errorf("plan of the rest: code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := w.run(t, []string{"adopt"}); code != 3 || !strings.Contains(errs, "nothing of old can be taken in") {
		t.Errorf("adopt: code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := w.run(t, []string{"verify"}); code != 0 || !strings.Contains(errs, "only cleanup") {
		t.Errorf("verify: code %d\n%s%s", code, out, errs)
	}
	gone(kube.Service)
	if code, out, errs := w.run(t, []string{"plan"}); code != 3 || !strings.Contains(errs, "service shop/web vanished") {
		t.Errorf("what the plan does not let cleanup delete is gone, and plan has code %d\n%s%s", code, out, errs)
	}
}

// When the last phase is done its journal is a file too, whole, and who ends the step knows where it is.
func TestTheJournalIsKeptInAFileWhenCleanupIsDone(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile(w.plan)
	if err == nil {
		err = os.WriteFile(w.plan, []byte(strings.Replace(string(text), "through: routes", "through: cleanup", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.moved(t, false)
	s := cluster.New(w.connect(t, phase.New), "cutover-system", "two")
	_, version, err := s.Load(t.Context())
	if err == nil {
		_, err = s.Append(t.Context(), version, []journal.Entry{{Phase: cleanup.Name, What: journal.Finished}})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(w.dir)
	code, out, errs := w.run(t, []string{"apply", "--phase", "cleanup", "--output", "json"})
	if code != 0 || !strings.Contains(out, `"journal": "cutover-two-journal.jsonl"`) {
		t.Fatalf("code %d\n%s%s", code, out, errs)
	}
	kept, err := os.ReadFile("cutover-two-journal.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if code, exported, errs := w.run(t, []string{"journal", "export"}); code != 0 || exported != string(kept) || !strings.Contains(exported, `"cleanup"`) {
		t.Errorf("code %d, kept:\n%s\nexported:\n%s%s", code, kept, exported, errs)
	}
	if code, out, errs := w.run(t, []string{"apply", "--phase", "cleanup", "--export", "no/such/folder/x"}); code != 3 || !strings.Contains(errs, "could not be kept") || !strings.Contains(errs, "cutover journal --plan") {
		t.Errorf("nowhere to keep it: code %d\n%s%s", code, out, errs)
	}
}
