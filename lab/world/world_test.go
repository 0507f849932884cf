package world

import (
	"fmt"
	"net/url"
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
	seen := map[string]string{RootAddress: "root", ClientAddress: "client", RunnerAddress: "runner"}
	for i, address := range []string{PrimaryDNS, SecondaryDNS, HonouringDNS, StretchingDNS} {
		if other, ok := seen[address]; ok {
			t.Errorf("name server %d has the address of %s", i, other)
		}
		seen[address] = "a name server"
	}
	for _, c := range Clusters() {
		taken := map[string]string{"node": c.Node, "entry": c.Entry, "inner": c.Inner}
		for i, address := range c.Mongods {
			taken[fmt.Sprintf("mongod %d", i)] = address
		}
		for what, address := range taken {
			if other, ok := seen[address]; ok {
				t.Errorf("%s of %s has the address of %s", what, c.Name, other)
			}
			seen[address] = c.Name + " " + what
		}
	}
}

func TestAUserOfTheReplicaSetComesThroughItsURI(t *testing.T) {
	for _, user := range []MongoUser{MongoRun, MongoPlan, MongoApp} {
		u, err := url.Parse(user.URI(Old.MongodHosts()...))
		if err != nil {
			t.Fatal(err)
		}
		if password, _ := u.User.Password(); u.User.Username() != user.Name || password != user.Password {
			t.Errorf("%s is read as %s", user.Name, u.User)
		}
		if want := "172.30.0.61:27017,172.30.0.62:27017,172.30.0.63:27017"; u.Host != want {
			t.Errorf("the hosts are %s, want %s", u.Host, want)
		}
	}
}
