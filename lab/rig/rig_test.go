package rig

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cutover.dev/cutover/lab/state"
	"cutover.dev/cutover/lab/world"
)

func TestOnlyMountsBelowTheRunFolderAreOurs(t *testing.T) {
	table := "/dev/vda / ext4 rw 0 0\n/dev/vda /cache/run/mnt ext4 rw 0 0\nnsfs /cache/run/mnt/old nsfs rw 0 0\n/dev/vda /cache/running ext4 rw 0 0\n"
	got := mountsBelow(table, "/cache/run")
	if !slices.Equal(got, []string{"/cache/run/mnt", "/cache/run/mnt/old"}) {
		t.Errorf("got %v", got)
	}
}

func TestTwoCannotChangeTheLabAtOnce(t *testing.T) {
	w := world.At(t.TempDir())
	release, err := lock(w)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(w); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	release()
	again, err := lock(w)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestADaemonThatLeavesIsEndedAndForgotten(t *testing.T) {
	w := world.At(t.TempDir())
	if err := Leave(t.Context(), w, "extra"); err != nil {
		t.Errorf("without a lab: %v", err)
	}
	file, err := state.Create(statePath(w))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Record(state.Process{Name: "extra"}); err != nil { // it never got a pid
		t.Fatal(err)
	}
	if err := Leave(t.Context(), w, "extra"); err != nil {
		t.Error(err)
	}
	if p, err := Find(w, "extra"); err == nil {
		t.Errorf("it is still recorded: %+v", p)
	}
}

func TestAnUnfinishedUpIsAWreck(t *testing.T) {
	w := world.At(t.TempDir())
	file, err := state.Create(statePath(w))
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := find(t.Context(), w); err != nil || got != wreck {
		t.Errorf("before the end of up: %v, %v", got, err)
	}
	if err := file.Finish(); err != nil {
		t.Fatal(err)
	}
	// Complete, but no process of it is there: the machine was started anew.
	if got, _, err := find(t.Context(), w); err != nil || got != wreck {
		t.Errorf("after a reboot: %v, %v", got, err)
	}
}

func TestFoldersInUseAreNotRemoved(t *testing.T) {
	empty, used := filepath.Join(t.TempDir(), "empty"), filepath.Join(t.TempDir(), "used")
	for _, folder := range []string{empty, used} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(used, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := removeFolders([]string{empty, used, "/nonexistent/folder"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(empty); !os.IsNotExist(err) {
		t.Error("the empty folder is still there")
	}
	if _, err := os.Stat(used); err != nil {
		t.Error("a folder that somebody uses is gone")
	}
}
