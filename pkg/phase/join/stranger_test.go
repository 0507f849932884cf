package join

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
)

// ours is a configuration of two old members and a new one, and theirs of another set of that name.
func ours(t *testing.T, id string) (c replset.Config) {
	t.Helper()
	text := `{"_id":"rs0","version":5,"term":2,"members":[{"_id":0,"host":"o1:1"},{"_id":1,"host":"o2:1"},{"_id":7,"host":"n1:1"}],"settings":{"replicaSetId":{"$oid":"` + id + `"}}}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhoWasAMemberOnceIsNoStranger(t *testing.T) {
	const set, another = "0123456789abcdef01234567", "76543210fedcba9876543210"
	silent := replset.Peer{Host: "n1:1", State: "(not reachable/healthy)", Message: "Connection refused", Heard: time.Now()}
	once := silent
	once.HeardFrom = time.Now().Add(-time.Hour)
	well := replset.Peer{Host: "n1:1", Healthy: true, State: "SECONDARY"}
	for name, c := range map[string]struct {
		primary, other replset.Peer
		own            string // whose set its own configuration is of, "" where it cannot be asked
		fact           any
		stranger       bool
	}{
		"nobody ever heard it":                      {primary: silent, other: silent, stranger: true},
		"another member hears it":                   {primary: silent, other: well},
		"another member heard it once":              {primary: silent, other: once},
		"the primary heard it once":                 {primary: once, other: silent},
		"it is in the set by its own words":         {primary: silent, other: silent, own: set},
		"it is in another set by its own words":     {primary: silent, other: silent, own: another, stranger: true},
		"the journal saw it joined":                 {primary: silent, other: silent, fact: 7},
		"the journal saw it joined before it left":  {primary: silent, other: silent, fact: 6, stranger: true},
		"its key differs and nobody ever heard it":  {primary: replset.Peer{Host: "n1:1", Unauthenticated: true}, other: silent, stranger: true},
		"its key differs by now, and it had joined": {primary: replset.Peer{Host: "n1:1", Unauthenticated: true}, other: silent, fact: 7},
	} {
		v := replset.View{Config: ours(t, set), Primary: "o1:1", Committed: true}
		for _, m := range v.Config.Members() {
			v.Members = append(v.Members, replset.Seen{Member: m})
		}
		v.Members[0].Status.Peers, v.Members[1].Status.Peers = []replset.Peer{c.primary}, []replset.Peer{c.other}
		if v.Members[2].Identity = c.own; c.own == "" {
			v.Members[2].StatusErr = phase.ErrMoved // any
		}
		facts := phasetest.Facts{}
		if c.fact != nil {
			facts[joinedFact+"n1:1"] = c.fact
		}
		bad, err := (&member{past: facts, host: "n1:1"}).stranger(v)
		if err != nil || (bad != "") != c.stranger {
			t.Errorf("%s: %q, %v", name, bad, err)
		}
	}
}

// The primary is restarted while a member cannot be reached: it knows nothing of it, and nor does anybody else but the journal.
func TestAMemberThatJoinedStaysWhenARestartedPrimaryNeverHeardIt(t *testing.T) {
	t.Parallel()
	rig := mongotest.Start(t, 2)
	old, fresh := rig.Hosts(0, 1), rig.Hosts(1, 2)
	rig.Initiate(old...)
	d := deps(t, rig, old, fresh)
	facts := phasetest.Facts{joinedFact + fresh[0]: 7} // it was one before, and somebody removed and wiped it
	m := func() *member { return &member{d: d, past: facts, host: fresh[0]} }
	if err := m().step().Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	var o phase.Observation
	for end := time.Now().Add(time.Minute); o.State != phase.Done; time.Sleep(100 * time.Millisecond) {
		if o, _ = m().observe(t.Context()); time.Now().After(end) {
			t.Fatalf("it does not join: %s", o.Detail)
		}
	}
	for k, v := range o.Facts {
		facts[k] = v
	}
	if id := facts[joinedFact+fresh[0]]; fmt.Sprint(id) != "8" {
		t.Errorf("its _id is %v, want one that was never used", id)
	}
	rig.Mongods[1].Kill()
	rig.Mongods[0].Kill()
	rig.Mongods[0].Start(t)
	world(t, d.Mongo).State() // it has a primary again
	if o, err := m().observe(t.Context()); err != nil || o.State != phase.Settling || !strings.Contains(o.Detail, "not reachable") {
		t.Errorf("%v: %s (%v)", o.State, o.Detail, err)
	}
	delete(facts, joinedFact+fresh[0])
	if o, err := m().observe(t.Context()); err != nil || o.State != phase.Pending || !strings.Contains(o.Detail, "never heard it") {
		t.Errorf("without the journal: %v: %s (%v)", o.State, o.Detail, err)
	}
}
