package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
)

// database is a real replica set with an application, and plans of the program that let it grow.
type database struct {
	*mongotest.Rig
	world   *world
	program string
	old     []string
	first   string // what the set's members were
	writer  *mongotest.Writer
}

// databaseOn starts some servers, of which the first ones are the set.
func databaseOn(t *testing.T, w *world, old, fresh int) *database {
	t.Helper()
	rig, _ := mongotest.StartApart(t, old, fresh)
	d := &database{Rig: rig, world: w, program: binary(t)}
	d.old = d.Hosts(0, old)
	d.Initiate(d.old...)
	d.first = d.members()
	d.writer = d.Write(d.old...)
	return d
}

// members are those of the set, by its primary.
func (d *database) members() string {
	for _, host := range d.old {
		var found []string
		h, err := d.Try(host, "admin", bson.D{{Key: "hello", Value: 1}})
		if err != nil || value(h, "isWritablePrimary") != true {
			continue
		}
		config, _ := value(d.Do(host, "admin", bson.D{{Key: "replSetGetConfig", Value: 1}}), "config").(bson.D)
		members, _ := value(config, "members").(bson.A)
		for _, m := range members {
			m, _ := m.(bson.D)
			found = append(found, fmt.Sprintf("%v votes %v priority %v hidden %v", value(m, "host"), value(m, "votes"), value(m, "priority"), value(m, "hidden")))
		}
		return "primary " + host + "\n" + strings.Join(found, "\n")
	}
	return "no primary"
}

func value(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// plan writes a plan of its own, which wants these new members, with a few words more about them.
func (d *database) plan(t *testing.T, name, more string, fresh ...string) *world {
	t.Helper()
	text := strings.Replace(fmt.Sprintf(planText, d.world.uids[0], d.world.uids[1], "{}"), "name: two", "name: "+name, 1)
	about := fmt.Sprintf("  mongodb: {new: [%q], maxLag: 2s, settle: 5m, step: 30s%s}\n  waves:", strings.Join(fresh, `", "`), more)
	text = strings.NewReplacer("  waves:", about, "drain: 1s", "drain: 1s, lag: 3s", "ttl: 1m", "ttl: 30s").Replace(text)
	w := *d.world
	w.plan = filepath.Join(w.dir, name+".yaml")
	if err := os.WriteFile(w.plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return &w
}

// begins starts a verb in a process of its own, ends runs one to its end.
func (d *database) begins(t *testing.T, w *world, args ...string) *process {
	t.Helper()
	p := &process{}
	line := slices.Concat(d.AtOld(), []string{d.program, args[0], "--plan", w.plan}, args[1:], []string{"--output", "json"})
	p.Cmd = exec.CommandContext(t.Context(), line[0], line[1:]...)
	p.Dir = w.dir
	p.Env = []string{"PATH=" + os.Getenv("PATH"), "CUTOVER_OLD_KUBECONFIG=" + w.old, "CUTOVER_NEW_KUBECONFIG=" + w.new, replset.Variable + "=" + d.URI(d.old...)}
	p.Stdout, p.Stderr = &p.out, &p.errs
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() }) // fails only if it has ended
	return p
}

func (d *database) ends(t *testing.T, w *world, args ...string) (int, string) {
	t.Helper()
	return ended(t, d.begins(t, w, args...))
}

func ended(t *testing.T, p *process) (int, string) {
	t.Helper()
	code := p.end(t)
	said := p.errs.String() + p.out.String()
	if strings.Contains(said, "s3cret") {
		t.Errorf("it shows the password:\n%s", said)
	}
	return code, said
}

// wants wants a join to end with an exit code and some words, and the set to be what it was.
func (d *database) wants(t *testing.T, join *process, code int, words ...string) {
	t.Helper()
	got, said := ended(t, join)
	if got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("it does not say %q", word)
		}
	}
	if now := d.members(); now != d.first {
		t.Errorf("the set was\n%s\nand is\n%s", d.first, now)
	}
	if t.Failed() {
		t.Log(said)
	}
}

// join begins a join.
func (d *database) join(t *testing.T, w *world) *process {
	t.Helper()
	return d.begins(t, w, "apply", "--phase", "join")
}

// lost wants every acknowledged write of a majority to be there.
func (d *database) lost(t *testing.T) {
	t.Helper()
	acked, failed, lost, err := d.writer.Stop(t.Context())
	if t.Logf("%d writes acknowledged by a majority, %d lost, %d failed", acked, lost, failed); err != nil || lost > 0 || failed > 0 || acked < 100 {
		t.Errorf("%d of %d acknowledged writes are lost, %d failed (%v)", lost, acked, failed, err)
	}
}

// well waits until all old members hear each other.
func (d *database) well(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patient); ; time.Sleep(200 * time.Millisecond) {
		all := true
		for _, host := range d.old {
			status, err := d.Try(host, "admin", bson.D{{Key: "replSetGetStatus", Value: 1}})
			members, _ := value(status, "members").(bson.A)
			all = all && err == nil && !slices.ContainsFunc(members, func(m any) bool {
				is, _ := m.(bson.D)
				return value(is, "health") != 1.0
			})
		}
		if all {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the set does not come to rest")
		}
	}
}
