package join

import (
	"cmp"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// question is one world in which a precondition is asked, and what it has to say.
type question struct {
	world   string
	form    func(*replsim.Config)
	fault   func(*simulation)
	between func(*simulation) // after the first look
	within  plan.Duration     // for the answer; 0: some seconds
	gate    string
	answer  string
	says    []string
}

// told lets a server say something else of itself.
func told(old bool, i int, change func(*wire.Facts)) func(*simulation) {
	return func(s *simulation) {
		hosts := s.fresh
		if old {
			hosts = s.old
		}
		s.Tell(hosts[i], change)
	}
}

func arbiter(c *replsim.Config) { c.Members[2].Arbiter, c.Members[2].Priority = true, 0 }

func crowd(c *replsim.Config) {
	for i := len(c.Members); i < 49; i++ {
		c.Members = append(c.Members, replsim.Member{ID: i, Host: "127.0.6." + strconv.Itoa(i) + ":1", Hidden: true})
	}
}

// long is longer than a server that is gone, or hangs, is asked.
const long = plan.Duration(12 * time.Second)

// ofTheSet are the questions about the set as it is.
var ofTheSet = []question{
	{
		world: "all is well", gate: "prove:shape", answer: isYes,
	},
	{
		world: "an arbiter", form: arbiter, gate: "prove:shape", answer: isNo,
		says: []string{"is an arbiter", "replace it by a member with data first"},
	},
	{
		world: "more than 50 members", within: long, form: crowd, gate: "prove:shape", answer: isNo,
		says: []string{"51 members, the server allows 50"},
	},
	{
		world: "a tag that decides about writes", gate: "prove:shape", answer: isNo,
		form: func(c *replsim.Config) {
			c.Doc = bson.D{{Key: "settings", Value: bson.D{{Key: "getLastErrorModes", Value: bson.D{{Key: "dc", Value: bson.D{{Key: "dc", Value: 2}}}}}}}}
		},
		says: []string{"settings.getLastErrorModes", "take it out of the configuration of the set first"},
	},
	{
		world: "all is well", gate: "prove:one-version", answer: isYes,
	},
	{
		world: "a new member of a later version", fault: told(false, 0, func(f *wire.Facts) { f.Version = "7.0.2" }), gate: "prove:one-version", answer: isNo,
		says: []string{"the members run several versions: 6.0 (", "; 7.0 (", "bring all members to one version first"},
	},
	{
		world: "an old member of an earlier version", fault: told(true, 1, func(f *wire.Facts) { f.Version = "5.0.9" }), gate: "prove:one-version", answer: isNo,
		says: []string{"the members run several versions: 5.0 (", "bring all members to one version first"},
	},
	{
		world: "a later patch", fault: told(false, 1, func(f *wire.Facts) { f.Version = "6.0.19" }), gate: "prove:one-version", answer: isYes,
	},
	{
		world: "all of before 4.4", gate: "prove:one-version", answer: isNo,
		fault: func(s *simulation) {
			for _, h := range s.Hosts() {
				s.Tell(h, func(f *wire.Facts) { f.Version, f.Compatibility = "4.2.24", "4.2" })
			}
		},
		says: []string{"the members run MongoDB 4.2", "upgrade first"},
	},
	{
		world: "several feature compatibility versions", fault: told(true, 2, func(f *wire.Facts) { f.Compatibility = "5.0" }), gate: "prove:one-version", answer: isNo,
		says: []string{"several feature compatibility versions: 5.0 (", "; 6.0 (", "set it on the primary, and wait for the others"},
	},
	{
		world: "a feature compatibility version on its way", fault: told(true, 0, func(f *wire.Facts) { f.Target = "6.0" }), gate: "prove:one-version", answer: isNo,
		says: []string{"is changing its feature compatibility version"},
	},
	{
		world: "a new member whose version nobody tells", fault: func(s *simulation) { s.Kill(s.fresh[0]) }, gate: "prove:one-version", answer: unsure,
		says: []string{"buildInfo on 127.0.5.4:"},
	},
	{
		world: "nobody's", gate: "prove:no-owner", answer: isYes,
	},
	{
		world: "the Percona operator's", gate: "prove:no-owner", answer: isNo,
		form: func(c *replsim.Config) {
			tagged(c, bson.D{{Key: "podName", Value: "db-rs0-0"}, {Key: "serviceName", Value: "db"}})
		},
		says: []string{"the set belongs to the Percona operator (member 127.0.5.1:", "would take every change back", "spec.unmanaged"},
	},
	{
		world: "MongoDB's operators'", fault: told(true, 1, func(f *wire.Facts) { f.Config = "/data/automation-mongod.conf" }), gate: "prove:no-owner", answer: isNo,
		says: []string{"MongoDB's automation agent, of MongoDB's operators or of Ops Manager (127.0.5.2:", "/data/automation-mongod.conf", "let it manage the set no longer"},
	},
	{
		world: "an automation agent's that is connected", fault: told(true, 2, func(f *wire.Facts) { f.Programs = []string{"shop", "MongoDB Automation Module v13.10"} }),
		gate: "prove:no-owner", answer: isNo,
		says: []string{"MongoDB's automation agent (it is connected to 127.0.5.3:", "let it manage the set no longer"},
	},
	{
		world: "somebody else changes the set", within: long, between: (*simulation).bumps, gate: "prove:nobody-else", answer: isNo,
		says: []string{"somebody else changes the configuration: it was rs0 (term 1, version 1) and is rs0 (term 1, version 2)", "find out who does, and let it stop"},
	},
	{
		world: "nobody else changes the set", gate: "prove:nobody-else", answer: isYes,
	},
	{
		world: "no arbiters", gate: "prove:write-concern", answer: isYes,
	},
	{
		world: "an arbiter, and no default write concern", form: arbiter, gate: "prove:write-concern", answer: isNo,
		says: []string{"the set has 1 arbiters and no default write concern of its own", "setDefaultRWConcern on the primary first"},
	},
	{
		world: "an arbiter, and a default write concern", form: arbiter, fault: told(true, 0, func(f *wire.Facts) { f.WriteConcern = true }), gate: "prove:write-concern", answer: isYes,
	},
	{
		world: "an oplog that is not full", fault: told(true, 1, func(f *wire.Facts) { f.Window = time.Minute }), gate: "prove:oplog", answer: isYes,
	},
	{
		world: "a full oplog of ten minutes", gate: "prove:oplog", answer: isNo,
		fault: told(true, 1, func(f *wire.Facts) { f.OplogSize, f.Window = f.OplogMax, 10*time.Minute }),
		says:  []string{"the oplog of 127.0.5.2:", "reaches back 10m0s, an initial sync may need 1h0m0s", "replSetResizeOplog makes it larger"},
	},
	{
		world: "a full oplog of two hours, and a terabyte to copy", gate: "prove:oplog", answer: isNo,
		fault: func(s *simulation) {
			s.Tell(s.old[0], func(f *wire.Facts) { f.Size = 1 << 40 })
			s.Tell(s.old[2], func(f *wire.Facts) { f.OplogSize, f.Window = f.OplogMax, 2*time.Hour })
		},
		says: []string{"reaches back 2h0m0s, an initial sync may need 24h0m0s", "replSetResizeOplog makes it larger"},
	},
	{
		world: "a full oplog of two days", fault: told(true, 1, func(f *wire.Facts) { f.OplogSize, f.Window = f.OplogMax, 48*time.Hour }), gate: "prove:oplog", answer: isYes,
	},
	{
		world: "members are well", gate: "prove:members-well", answer: isYes,
	},
	{
		world: "an old member is down", within: long, fault: func(s *simulation) { s.Kill(s.old[2]) }, gate: "prove:members-well", answer: isNo,
		says: []string{"127.0.5.3:", "does not answer"},
	},
	{
		world: "an old member hangs", within: long, fault: func(s *simulation) { s.sim(func(sim *replsim.Sim) { sim.Pause(s.old[2], true) }) }, gate: "prove:members-well", answer: isNo,
		says: []string{"127.0.5.3:", "hangs: it takes connections and answers nothing", "restart it"},
	},
	{
		world: "an old member has not got its data", gate: "prove:members-well", answer: isNo,
		fault: func(s *simulation) {
			s.sim(func(sim *replsim.Sim) { sim.Size, sim.Takes = 1, time.Hour })
			s.joins(s.fresh[1])
			s.d.Plan.Spec.MongoDB.New = s.fresh[:1]
		},
		says: []string{"127.0.5.5:", " is STARTUP2"},
	},
	{
		world: "two old members do not hear each other", gate: "prove:members-well", answer: isNo,
		fault: func(s *simulation) {
			s.sim(func(sim *replsim.Sim) { sim.Cut(s.old[1], s.old[2], true) })
			s.Skip(30 * time.Second)
		},
		says: []string{"127.0.5.2:", " sees 127.0.5.3:"},
	},
	{
		world: "nobody is there", within: long, gate: "prove:members-well", answer: unsure,
		fault: func(s *simulation) {
			for _, h := range s.Hosts() {
				s.Kill(h)
			}
		},
		says: []string{replset.ErrNoConfig.Error()},
	},
}

// Each of these the server itself would take, or find out too late.
func TestEveryPreconditionHasAnAnswerOfItsOwn(t *testing.T) {
	for _, q := range slices.Concat(ofTheSet, ofNewMembers) {
		t.Run(q.gate+"/"+q.world, func(t *testing.T) {
			t.Parallel()
			s := simulate(t, 1, 3, 2, q.form)
			if q.answer != isYes {
				s.d.Plan.Spec.MongoDB.Step = cmp.Or(q.within, plan.Duration(4*time.Second))
			}
			if q.fault != nil {
				q.fault(s)
			}
			var between func()
			if q.between != nil {
				between = func() { q.between(s) }
			}
			answers(t, s.d, q.gate, q.answer, between, q.says...)
		})
	}
}
