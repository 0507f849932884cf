package state

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

func TestWhatWasRecordedIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "state.json")
	file, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Process{{Name: "a"}, {Name: "b", PID: 7, Start: 9}, {Name: "a", PID: 5, Start: 6}} {
		if err := file.Record(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Made("/var/lib/x"); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	now := again.Now()
	if now.Complete {
		t.Error("complete before Finish")
	}
	if len(now.Processes) != 2 || now.Processes[0].PID != 5 || now.Processes[1].Start != 9 {
		t.Errorf("processes %+v: the second record of a name must replace the first", now.Processes)
	}
	if len(now.Folders) != 1 || now.Folders[0] != "/var/lib/x" {
		t.Errorf("folders %v", now.Folders)
	}
}

func TestWhatIsForgottenIsGoneAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	file, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := file.Record(Process{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Forget("a"); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if left := again.Now().Processes; len(left) != 1 || left[0].Name != "b" {
		t.Errorf("left: %+v", left)
	}
}

func TestNoFileMeansNoLab(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "state.json")); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
}

func TestADamagedFileIsAnErrorAndNotAnEmptyLab(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	file, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			if err := file.Record(Process{Name: strconv.Itoa(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(again.Now().Processes); got != 20 {
		t.Errorf("%d of 20 are on disk", got)
	}
}
