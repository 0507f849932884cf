package mongo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/lab/world"
)

func TestEachMemberRunsInItsOwnEnvironmentAtItsOwnAddress(t *testing.T) {
	w := world.At("/cache")
	all := Members(world.Clusters()...)
	if len(all) != 6 {
		t.Fatalf("%d mongods, want three in each cluster", len(all))
	}
	seen := map[string]bool{}
	for i, m := range all {
		d := m.Daemon(w, world.ReplicaSet, KeyFile(w))
		if want := world.Clusters()[i/3].Net(); d.Net != want {
			t.Errorf("%s runs in %s, want %s", m.Name, d.Net, want)
		}
		line := strings.Join(d.Argv, " ")
		for _, want := range []string{"--bind_ip " + m.Address + " ", "--dbpath /cache/run/mongo/" + m.Name + " ", "--keyFile ", "--replSet rs0 ", "--nounixsocket"} {
			if !strings.Contains(line, want) {
				t.Errorf("%s lacks %q: %s", m.Name, want, line)
			}
		}
		if seen[m.Name] || seen[m.Address] {
			t.Errorf("%s at %s is there twice", m.Name, m.Address)
		}
		seen[m.Name], seen[m.Address] = true, true
	}
}

func TestAKeyIsForItsOwnerAloneAndNewInEachLab(t *testing.T) {
	one, other := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "key")
	var keys [][]byte
	for _, file := range []string{one, other} {
		if err := writeKey(file); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		key, err := os.ReadFile(file)
		if err != nil || len(key) < 40 {
			t.Errorf("%d bytes, %v", len(key), err)
		}
		keys = append(keys, key)
	}
	if slices.Equal(keys[0], keys[1]) {
		t.Error("two labs have the same key")
	}
}

func TestOneMemberIsAddedAndNothingElseChanges(t *testing.T) {
	member := bson.D{{Key: "_id", Value: int32(0)}, {Key: "host", Value: "a:1"}}
	config := bson.D{{Key: "_id", Value: "rs0"}, {Key: "version", Value: int32(4)}, {Key: "term", Value: int64(1)}, {Key: "members", Value: bson.A{member}}}
	next, err := grown(config, "b:1", 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := bson.MarshalExtJSON(next, false, false)
	want := `{"_id":"rs0","version":5,"term":1,"members":[{"_id":0,"host":"a:1"},{"_id":1,"host":"b:1"}]}`
	if err != nil || string(text) != want {
		t.Errorf("got %s %v, want %s", text, err, want)
	}
	if again, err := grown(next, "b:1", 1); again != nil || err != nil {
		t.Errorf("a member that is there is added again: %v %v", again, err)
	}
	if _, err := grown(config[:3], "b:1", 1); err == nil {
		t.Error("a configuration without members is changed")
	}
}

func TestTheToolMayReadAndWriteNothingOfTheApplications(t *testing.T) {
	for _, command := range usersOf() {
		text, err := bson.MarshalExtJSON(command, false, false)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := command[0].Value.(string)
		if strings.HasPrefix(name, "cutover") && (strings.Contains(string(text), `"shop"`) || strings.Contains(string(text), "AnyDatabase") || strings.Contains(string(text), `"root"`)) {
			t.Errorf("%s may more than it needs: %s", name, text)
		}
	}
}
