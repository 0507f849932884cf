package join

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// ofNewMembers are the questions about members that are not in the set yet.
var ofNewMembers = []question{
	{
		world: "names of processes of their own", gate: "prove:names", answer: isYes,
	},
	{
		world: "a second name of an old member", fault: func(s *simulation) { s.d.Plan.Spec.MongoDB.New = []string{secondName(s.t, s.old[1])} }, gate: "prove:names", answer: isNo,
		says: []string{"127.0.5.2:", " are the same process", "give each member one name, the same everywhere"},
	},
	{
		world: "a second name of a new member", gate: "prove:names", answer: isNo,
		fault: func(s *simulation) {
			s.d.Plan.Spec.MongoDB.New = []string{s.fresh[0], secondName(s.t, s.fresh[0])}
		},
		says: []string{"127.0.5.4:", " are the same process", "give each member one name, the same everywhere"},
	},
	{
		world: "a name that leads nowhere", fault: func(s *simulation) { s.d.Plan.Spec.MongoDB.New = []string{"nowhere.invalid:27017"} }, gate: "prove:names", answer: isNo,
		says: []string{"the name of nowhere.invalid:27017 does not resolve", "correct mongodb.new"},
	},
	{
		world: "a name without a port", fault: func(s *simulation) { s.d.Plan.Spec.MongoDB.New = []string{"127.0.5.4"} }, gate: "prove:names", answer: isNo,
		says: []string{"127.0.5.4 is no host:port", "correct mongodb.new"},
	},
	{
		world: "a new member is down", within: long, fault: func(s *simulation) { s.Kill(s.fresh[1]) }, gate: "prove:names", answer: isNo,
		says: []string{"127.0.5.5:", "does not answer", "start it"},
	},
	{
		world: "a new member hangs", within: long, fault: func(s *simulation) { s.sim(func(sim *replsim.Sim) { sim.Pause(s.fresh[1], true) }) }, gate: "prove:names", answer: isNo,
		says: []string{"127.0.5.5:", "hangs: it takes connections and answers nothing", "restart it"},
	},
	{
		world: "new members of no set", gate: "prove:not-initiated", answer: isYes,
	},
	{
		world: "a new member is a set of its own", fault: func(s *simulation) { s.another("rs0", s.fresh[0]) }, gate: "prove:not-initiated", answer: isNo,
		says: []string{"127.0.5.4:", "is in a replica set of its own already, rs0", "start it with an empty folder"},
	},
	{
		world: "a new member has left another set", gate: "prove:not-initiated", answer: isNo,
		fault: func(s *simulation) {
			s.another("rs0", s.fresh[0])
			s.leaves(s.fresh[0], s.fresh[1])
			s.d.Plan.Spec.MongoDB.New = s.fresh[1:2]
		},
		says: []string{"127.0.5.5:", "was a member of another replica set, rs0", "start it with an empty folder"},
	},
	{
		world: "a new member has left this set, and has not heard of it", gate: "prove:not-initiated", answer: isNo,
		fault: func(s *simulation) {
			s.joins(s.fresh[0])
			s.sim(func(sim *replsim.Sim) {
				for _, h := range s.old {
					sim.Cut(s.fresh[0], h, true)
				}
			})
			s.removes(s.fresh[0])
		},
		says: []string{"127.0.5.4:", "has not heard yet that it has left the set", "see in its log"},
	},
	{
		world: "a new member has left this set", gate: "prove:not-initiated", answer: isYes,
		fault: func(s *simulation) {
			s.joins(s.fresh[0])
			s.removes(s.fresh[0])
		},
	},
	{
		world: "a new member that does not say whether it is in a set", fault: func(s *simulation) { s.Kill(s.fresh[0]) }, gate: "prove:not-initiated", answer: unsure,
		says: []string{"hello on 127.0.5.4:"},
	},
	{
		world: "nobody may look, and the plan accepts that", gate: "prove:no-data", answer: isYes,
	},
	{
		world: "nobody may look", fault: func(s *simulation) { s.d.Plan.Spec.MongoDB.Wipe = "" }, gate: "prove:no-data", answer: isNo,
		says: []string{"cannot be seen before they are in the set", "127.0.5.4:", "mongodb.wipe: accepted"},
	},
	{
		world: "data that can be seen", fault: told(false, 1, func(f *wire.Facts) { f.Databases = []string{"shop", "blog"} }), gate: "prove:no-data", answer: isNo,
		says: []string{"127.0.5.5:", "holds data that would be lost when it joins: shop, blog", "start it with an empty folder"},
	},
	{
		world: "a new member that nobody can ask for data", within: long, fault: func(s *simulation) { s.Kill(s.fresh[0]) }, gate: "prove:no-data", answer: unsure,
		says: []string{"listDatabases on 127.0.5.4:"},
	},
	{
		world: "a look that is cut off", within: plan.Duration(time.Second), fault: func(s *simulation) { s.Kill(s.fresh[0]) }, gate: "prove:no-data", answer: unsure,
		says: []string{"could not tell: not there after 1s (raise mongodb.step)"},
	},
}

// What only a real server shows: it lets nobody look before it has users, may be started for no set, and hang.
func TestPreconditionsOfRealServers(t *testing.T) {
	t.Parallel()
	rig := mongotest.Start(t, 7)
	old, fresh, own, single, foreign := rig.Hosts(0, 3), rig.Mongods[3], rig.Mongods[4], rig.Mongods[5], rig.Mongods[6]
	rig.Initiate(old...)
	rig.Initiate(own.Host)
	single.Kill()
	single.Without("--replSet")
	single.Start(t)
	foreign.Kill()
	foreign.Alone(t, func() {
		rig.Do(foreign.Host, "theirs", bson.D{{Key: "insert", Value: "orders"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: 1}}}}})
	})
	foreign.Without("--keyFile") // one that was started for a set shows nothing to nobody
	foreign.Without("--replSet")
	foreign.Start(t)
	d := deps(t, rig, old, []string{fresh.Host})
	for _, g := range gates(d, phasetest.Facts{}) {
		answers(t, d, g.ID, isYes, nil)
	}
	d.Plan.Spec.MongoDB.Step = plan.Duration(12 * time.Second)
	for _, c := range []struct {
		gate  string
		host  string
		fault func()
		says  []string
	}{
		{"prove:no-data", foreign.Host, nil, []string{foreign.Host + " holds data that would be lost when it joins: theirs", "start it with an empty folder"}},
		{"prove:no-data", fresh.Host, func() { d.Plan.Spec.MongoDB.Wipe = "" }, []string{"cannot be seen before they are in the set", "mongodb.wipe: accepted"}},
		{"prove:not-initiated", own.Host, nil, []string{own.Host + " is in a replica set of its own already, rs0", "start it with an empty folder"}},
		{"prove:not-initiated", single.Host, nil, []string{single.Host + " was not started for a replica set", "start it with --replSet rs0"}},
		{"prove:names", secondName(t, old[1]), nil, []string{old[1], "are the same process", "give each member one name, the same everywhere"}},
		{"prove:names", fresh.Host, func() { fresh.Pause(t) }, []string{fresh.Host + " hangs: it takes connections and answers nothing", "restart it"}},
		{"prove:members-well", fresh.Host, func() { rig.Mongods[1].Pause(t) }, []string{old[1] + " hangs: it takes connections and answers nothing", "restart it"}},
	} {
		d.Plan.Spec.MongoDB.New = []string{c.host}
		if c.fault != nil {
			c.fault()
		}
		answers(t, d, c.gate, isNo, nil, c.says...)
	}
}

// Who may not look is told so: that waiting does not change.
func TestWhoMayNotLookAtTheSetIsRefused(t *testing.T) {
	t.Parallel()
	rig := mongotest.Start(t, 2)
	rig.Initiate(rig.Hosts(0, 1)...)
	rig.Do(rig.Mongods[0].Host, "admin", bson.D{{Key: "createUser", Value: "nobody"}, {Key: "pwd", Value: "nothing"}, {Key: "roles", Value: bson.A{}}})
	d := deps(t, rig, rig.Hosts(0, 1), rig.Hosts(1, 2))
	s, err := replset.Open(replset.Options{URI: "mongodb://nobody:nothing@" + rig.Mongods[0].Host + "/?authSource=admin"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.WithoutCancel(t.Context())) })
	d.Mongo = s
	for _, id := range []string{"prove:members-well", "prove:shape", "prove:one-version", "prove:no-owner"} {
		answers(t, d, id, isNo, nil, "needs the roles clusterManager and clusterMonitor on admin")
	}
}

// An old member that belongs to somebody is found by the file that it was started with.
func TestAnAutomationAgentIsFoundByTheFileOfARealServer(t *testing.T) {
	t.Parallel()
	rig := mongotest.Start(t, 1)
	m := rig.Mongods[0]
	rig.Initiate(m.Host)
	rig.Do(m.Host, "cutover", bson.D{ // then its users are on disk
		{Key: "insert", Value: "any"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: 1}}}}, {Key: "writeConcern", Value: bson.D{{Key: "j", Value: true}}},
	})
	file := filepath.Join(t.TempDir(), "automation-mongod.conf")
	if err := os.WriteFile(file, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Kill()
	m.Also("--config", file)
	m.Start(t)
	d := deps(t, rig, rig.Hosts(0, 1), []string{"127.0.1.99:1"})
	world(t, d.Mongo).State() // it has a primary again
	answers(t, d, "prove:no-owner", isNo, nil, "the set belongs to MongoDB's automation agent", file, "let it manage the set no longer")
}
