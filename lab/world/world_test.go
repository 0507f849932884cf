package world

import (
	"path/filepath"
	"testing"
)

func TestTheCacheFolderCanBeMoved(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(CacheVariable, folder)
	w, err := Here()
	if err != nil {
		t.Fatal(err)
	}
	if w.Kubeconfig(Old, UserRun) != filepath.Join(folder, "run/old/cutover.kubeconfig") {
		t.Errorf("got %s", w.Kubeconfig(Old, UserRun))
	}
	if w.Kubeconfig(New, UserAdmin) != filepath.Join(folder, "run/new/kubeconfig") {
		t.Errorf("got %s", w.Kubeconfig(New, UserAdmin))
	}
}

func TestTheSourcesAreFoundFromTheRootAndFromInside(t *testing.T) {
	here, err := Source()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(here))
	if again, err := Source(); err != nil || again != here {
		t.Errorf("from the root of the checkout: %s, %v; want %s", again, err, here)
	}
}

func TestNoTwoPartsShareAnAddress(t *testing.T) {
	seen := map[string]string{RootAddress: "root", ClientAddress: "client"}
	for _, c := range Clusters() {
		for what, address := range map[string]string{"node": c.Node, "entry": c.Entry, "inner": c.Inner} {
			if other, ok := seen[address]; ok {
				t.Errorf("%s of %s has the address of %s", what, c.Name, other)
			}
			seen[address] = c.Name + " " + what
		}
	}
}
