package cli_test

import (
	"strings"
	"syscall"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/replset/mongotest"
)

// The program itself, against real servers: who cannot be a member is refused with an exit code and words of its own, and the set goes
// on as before.
func TestWhoCannotBeAMemberIsRefusedByTheProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("new members", func(t *testing.T) { newMembers(t, w) })
	t.Run("an old member that is down", func(t *testing.T) { oldDown(t, w) })
	t.Run("a new member that does not keep up", func(t *testing.T) { lags(t, w) })
}

func newMembers(t *testing.T, w *world) {
	t.Parallel()
	d := databaseOn(t, w, 1, 6)
	down, hung, own, foreign, key, set := d.Mongods[1], d.Mongods[2], d.Mongods[3], d.Mongods[4], d.Mongods[5], d.Mongods[6]
	for _, m := range []*mongotest.Mongod{down, key, set, foreign} {
		m.Kill()
	}
	key.Rekey(t, "YW5vdGhlciBrZXkgb2YgdGhlIHRlc3Q")
	key.Start(t)
	set.Without("--replSet")
	set.Also("--replSet", "other")
	set.Start(t)
	hung.Pause(t)
	d.Initiate(own.Host)
	theirs := bson.D{{Key: "count", Value: "orders"}}
	foreign.Alone(t, func() {
		d.Do(foreign.Host, "theirs", bson.D{{Key: "insert", Value: "orders"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: 1}}}}})
	})
	foreign.Start(t)
	runs := map[string]*process{} // of a plan each, all at once: each waits for what may still come
	refused := map[string]struct {
		host, more string
		words      []string
	}{
		"down":         {down.Host, ", wipe: accepted", []string{"gate prove:names: no", down.Host + " does not answer", "start it, or correct mongodb.new"}},
		"hung":         {hung.Host, ", wipe: accepted", []string{"gate prove:names: no", hung.Host + " hangs: it takes connections and answers nothing", "restart it"}},
		"unresolvable": {"nowhere.invalid:27017", ", wipe: accepted", []string{"gate prove:names: no", "the name of nowhere.invalid:27017 does not resolve", "correct mongodb.new"}},
		"own":          {own.Host, ", wipe: accepted", []string{"gate prove:not-initiated: no", own.Host + " is in a replica set of its own already, rs0", "start it with an empty folder"}},
		"foreign":      {foreign.Host, "", []string{"gate prove:no-data: no", "whether " + foreign.Host + " hold data cannot be seen", "mongodb.wipe: accepted"}},
	}
	for name, c := range refused {
		runs[name] = d.join(t, d.plan(t, name, c.more, c.host))
	}
	for name, c := range refused {
		t.Run(name, func(t *testing.T) { d.wants(t, runs[name], 3, append(c.words, `"result": "refused"`)...) })
	}
	foreign.Kill()
	foreign.Alone(t, func() {
		if n := value(d.Do(foreign.Host, "theirs", theirs), "n"); n != int32(1) {
			t.Errorf("of somebody's one document there are %v", n)
		}
	})
	for name, c := range map[string]struct{ host, says string }{
		"key": {key.Host, key.Host + " was added and is removed again: it has another keyFile"},
		"set": {set.Host, "Our set name did not match that of the request target"},
	} {
		t.Run("a member with another "+name, func(t *testing.T) {
			p := d.plan(t, "another-"+name, ", wipe: accepted", c.host)
			d.wants(t, d.join(t, p), 4, c.says)
			if code, said := d.ends(t, p, "rollback", "--phase", "join"); code != 0 || d.members() != d.first {
				t.Errorf("the way back ends with %d, and the set is\n%s\n%s", code, d.members(), said)
			}
		})
	}
	d.lost(t)
}

func oldDown(t *testing.T, w *world) {
	t.Parallel()
	d := databaseOn(t, w, 3, 1)
	second := d.Mongods[2]
	second.Kill()
	p := d.plan(t, "old-down", ", wipe: accepted", d.Mongods[3].Host)
	d.wants(t, d.join(t, p), 3, "gate prove:members-well: no", second.Host+" does not answer", `"result": "refused"`)
	second.Start(t)
	d.well(t)
	d.lost(t)
}

func lags(t *testing.T, w *world) {
	t.Parallel()
	d := databaseOn(t, w, 3, 1)
	fresh := d.Mongods[3]
	p := d.plan(t, "lags", ", wipe: accepted", fresh.Host)
	run := d.join(t, p)
	run.says(t, "see that "+fresh.Host+" keeps up for 3s: ")
	fresh.Pause(t)
	if code := run.end(t); code != 4 || !strings.Contains(run.errs.String(), "lag:"+fresh.Host) || !strings.Contains(run.errs.String(), "raise windows.lag") {
		t.Errorf("a member that does not keep up: exit code %d\n%s", code, &run.errs)
	}
	fresh.Resume(t)
	if code, said := d.ends(t, p, "apply", "--phase", "join"); code != 0 || !strings.Contains(d.members(), fresh.Host+" votes 0 priority 0 hidden true") {
		t.Errorf("it keeps up again: exit code %d, the set is\n%s\n%s", code, d.members(), said)
	}
	if code, said := d.ends(t, p, "rollback", "--phase", "join"); code != 0 || d.members() != d.first {
		t.Errorf("the way back ends with %d, and the set is\n%s\n%s", code, d.members(), said)
	}
	d.lost(t)
}

// A copy that takes longer than a job ends it with the code for "come back later", whoever kills the one before it.
func TestAnInitialSyncThatOutlivesAJobEndsItWithTheCodeForLater(t *testing.T) {
	t.Parallel()
	d := databaseOn(t, newWorld(t), 1, 1)
	docs := bson.A{}
	for i := range 1000 {
		docs = append(docs, bson.D{{Key: "_id", Value: i}, {Key: "text", Value: strings.Repeat("x", 10000)}})
	}
	d.Do(d.old[0], "cutover", bson.D{{Key: "insert", Value: "many"}, {Key: "documents", Value: docs}})
	fresh := d.Mongods[1]
	fresh.Kill()
	const amid = "initialSyncHangDuringCollectionClone"
	fresh.Also("--setParameter", "enableTestCommands=1", "--setParameter", "collectionClonerBatchSize=10",
		"--setParameter", "failpoint."+amid+`={"mode":"alwaysOn","data":{"namespace":"cutover.many","numDocsToClone":50}}`)
	fresh.Start(t)
	p := d.plan(t, "long", ", wipe: accepted", fresh.Host)
	run := d.join(t, p)
	run.says(t, "MiB")
	run.signal(t, syscall.SIGKILL)
	_ = run.end(t)
	for range 2 {
		code, said := d.ends(t, p, "apply", "--phase", "join")
		for _, words := range []string{fresh.Host + " copies its data (STARTUP2)", " of 9.6 MiB, about ", `"result": "waiting"`, `"notBefore": "20`} {
			if code != 8 || !strings.Contains(said, words) {
				t.Errorf("exit code %d, want 8 and %q\n%s", code, words, said)
			}
		}
	}
	d.Do(fresh.Host, "admin", bson.D{{Key: "configureFailPoint", Value: amid}, {Key: "mode", Value: "off"}})
	if code, said := d.ends(t, p, "apply", "--phase", "join"); code != 0 {
		t.Errorf("all may be copied: exit code %d\n%s", code, said)
	}
	d.lost(t)
}
