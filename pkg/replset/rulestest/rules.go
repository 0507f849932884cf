package rulestest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

var (
	getConfig = bson.D{{Key: "replSetGetConfig", Value: 1}}
	getStatus = bson.D{{Key: "replSetGetStatus", Value: 1}}
	noVote    = []bson.E{{Key: "votes", Value: 0}, {Key: "priority", Value: 0}, {Key: "hidden", Value: true}}
)

func (s *suite) freshServer() {
	h := s.hello(s.fresh)
	if !truth(h, "isreplicaset") || value(h, "setName") != nil || truth(h, "isWritablePrimary") || truth(h, "secondary") {
		s.t.Errorf("hello of a fresh server: %v", h)
	}
	s.refused("its configuration", s.fresh, getConfig, 94)
	s.refused("its status", s.fresh, getStatus, 94)
	s.refused("a reconfig", s.fresh, bson.D{{Key: "replSetReconfig", Value: bson.D{{Key: "_id", Value: "rs0"}, {Key: "version", Value: 1}, {Key: "members", Value: bson.A{}}}}}, 94)
}

func (s *suite) grow() {
	s.must(s.hosts[0], bson.D{{Key: "replSetInitiate", Value: bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: s.hosts[0]}}}}}}})
	for i, h := range s.hosts[1:] {
		p := s.settled()
		s.must(p, reconfig(s.config(p).add(i+1, h, noVote...)))
		s.until(h+" is a secondary", func() bool { return s.state(p, h) == "SECONDARY" && truth(s.hello(h), "secondary") })
		if hosts := s.hello(p); slices.Contains(list(hosts, "hosts"), h) || slices.Contains(list(hosts, "passives"), h) {
			s.t.Errorf("%s is hidden, and hello names it: %v", h, hosts)
		}
		s.settled()
		s.must(p, reconfig(s.config(p).member(h, "hidden", false)))
		s.settled()
		s.must(p, reconfig(s.config(p).member(h, "votes", 1).member(h, "priority", 1)))
	}
	p := s.settled()
	if hosts := list(s.hello(p), "hosts"); len(hosts) != 3 {
		s.t.Errorf("hello names %v", hosts)
	}
}

// refusals changes nothing: all of these are refused, and the configuration is what it was.
func (s *suite) refusals() {
	p := s.settled()
	o := slices.DeleteFunc(slices.Clone(s.hosts), func(h string) bool { return h == p })
	before := s.config(p)
	for _, r := range []struct {
		what  string
		c     *config
		code  int32
		words string
	}{
		{"its own priority 0", s.config(p).member(p, "priority", 0), 104, "is not electable under the new configuration"},
		{"its own vote", s.config(p).member(p, "priority", 0).member(p, "votes", 0), 104, "is not electable under the new configuration"},
		{"without itself", s.config(p).remove(p), 74, "maps to this node"},
		{"two votes at once", s.config(p).member(o[0], "priority", 0).member(o[0], "votes", 0).member(o[1], "priority", 0).member(o[1], "votes", 0), 103, "can only add or remove at most 1 voting member"},
		{"two voters less", s.config(p).remove(o[0]).remove(o[1]), 103, "can only add or remove at most 1 voting member"},
		{"the same version", s.config(p).set("version", int32(before.version()-1)), 103, "must be greater than old"}, //nolint:gosec // below 2^31
		{"the same host twice", s.config(p).add(90, o[0], noVote...), 103, "Found two member configurations with same host field"},
		{"the same _id twice", s.config(p).add(int(before.id(o[0])), s.fresh, noVote...), 103, "Found two member configurations with same _id field"},
		{"another _id for a host", s.config(p).member(o[0], "_id", int32(90)), 103, "the _id field is"},
		{"the own machine beside others", s.config(p).add(90, s.otherKind(), noVote...), 103, "all host names in a replica set configuration must be localhost references"},
		{"a priority without a vote", s.config(p).member(o[0], "votes", 0), 93, "priority must be 0 when non-voting"},
		{"a priority while hidden", s.config(p).member(o[0], "hidden", true), 93, "priority must be 0 when hidden=true"},
		{"two votes for one", s.config(p).member(o[0], "votes", 2), 93, "votes"},
		{"a priority above 1000", s.config(p).member(o[0], "priority", 1001.0), 93, "priority"},
		{"newlyAdded", s.config(p).member(o[0], "newlyAdded", true), 93, "newlyAdded"},
		{"an unknown word", s.config(p).member(o[0], "vote", 1), 93, "unknown field"},
		{"the name of another set", s.config(p).set("_id", "rs1"), 93, "set name"},
		{"an arbiter without a vote", s.config(p).add(90, s.fresh, bson.E{Key: "arbiterOnly", Value: true}, bson.E{Key: "votes", Value: 0}, bson.E{Key: "priority", Value: 0}), 93, "Arbiter must vote"},
	} {
		s.refused(r.what, p, reconfig(r.c), r.code, r.words)
	}
	if after := s.config(p); after.version() != before.version() || after.term() != before.term() {
		s.t.Errorf("version %d and term %d became %d and %d", before.version(), before.term(), after.version(), after.term())
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	_, err := s.run(ctx, p, append(reconfig(s.config(p)), bson.E{Key: "maxTimeMS", Value: 9000}))
	var said mongo.CommandError
	if !errors.As(err, &said) || said.Code != 40413 {
		s.t.Errorf("a maxTimeMS beside the driver's: %v", err)
	}
}

// otherKind is a name of the other kind than that of the servers: the own machine, or another one.
func (s *suite) otherKind() string {
	if strings.HasPrefix(s.hosts[0], "127.") {
		return "192.0.2.1:27999"
	}
	return "localhost:27999"
}

func (s *suite) roles() {
	p := s.settled()
	for _, h := range s.hosts {
		if h == p {
			continue
		}
		s.refused("a reconfig of a secondary", h, reconfig(s.config(p)), 10107, "replSetReconfig should only be run on a writable PRIMARY")
		s.refused("a step-down of a secondary", h, bson.D{{Key: "replSetStepDown", Value: 10}}, 10107, "not primary so can't step down")
		s.refused("commitment asked of a secondary", h, append(slices.Clone(getConfig), bson.E{Key: "commitmentStatus", Value: true}), 10107)
		if d := s.must(h, bson.D{{Key: "replSetFreeze", Value: 0}}); value(d, "info") != "unfreezing" {
			s.t.Errorf("freeze 0: %v", d)
		}
		err := s.rig.Client(h).Database("test").RunCommand(s.t.Context(), bson.D{{Key: "insert", Value: "rules"}, {Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: int64(1)}}}}}).Err()
		if we := mongo.ServerError(nil); !errors.As(err, &we) || !we.HasErrorCode(10107) {
			s.t.Errorf("a write to a secondary: %v", err)
		}
	}
	s.refused("a freeze of the primary", p, bson.D{{Key: "replSetFreeze", Value: 5}}, 95, "Cannot freeze node when primary")
	s.refused("a period shorter than the catch-up", p, bson.D{{Key: "replSetStepDown", Value: 2}, {Key: "secondaryCatchUpPeriodSecs", Value: 5}}, 2, "stepdown period must be longer than secondaryCatchUpPeriodSecs")
}

func (s *suite) compareAndSet() {
	p := s.settled()
	c := s.config(p)
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := s.run(s.t.Context(), p, reconfig(c))
			errs <- err
		}()
	}
	won := 0
	for range 2 {
		err := <-errs
		var said mongo.CommandError
		switch {
		case err == nil:
			won++
		case !errors.As(err, &said) || said.Code != 109 && (said.Code != 103 || !strings.Contains(said.Message, "must be greater than old")):
			s.t.Errorf("the one that lost: %v", err)
		}
	}
	if now := s.config(s.settled()); won != 1 || now.version() != c.version()+1 {
		s.t.Errorf("%d won, the version is %d and was %d", won, now.version()-1, c.version()-1)
	}
}

// unheard adds a member that is not there. That nobody ever heard it is what tells it from one that is gone for a while.
func (s *suite) unheard() {
	s.rig.Kill(s.fresh)
	p := s.settled()
	s.must(p, reconfig(s.config(p).add(80, s.fresh, noVote...)))
	s.until("it is seen as down", func() bool { return s.state(p, s.fresh) == "(not reachable/healthy)" })
	if at, is := value(s.seen(p, s.fresh), "lastHeartbeatRecv").(bson.DateTime); !is || at != 0 {
		s.t.Errorf("of a member that nobody ever heard the last heartbeat is of %v", at)
	}
	p = s.settled()
	s.must(p, reconfig(s.config(p).remove(s.fresh)))
	s.must(p, bson.D{{Key: "dropConnections", Value: 1}, {Key: "hostAndPort", Value: bson.A{s.fresh}}})
	s.rig.Restart(s.fresh)
	s.until("it answers again", func() bool { return truth(s.hello(s.fresh), "isreplicaset") })
}

func (s *suite) joinAndLeave() {
	p := s.settled()
	before := s.config(p)
	s.must(p, reconfig(s.config(p).add(20, s.fresh, noVote...)))
	s.until("the new member is a secondary", func() bool { return s.state(p, s.fresh) == "SECONDARY" && truth(s.hello(s.fresh), "secondary") })
	s.settled()
	s.must(p, reconfig(s.config(p).remove(s.fresh)))
	s.until("it knows that it was removed", func() bool { return truth(s.hello(s.fresh), "isreplicaset") })
	s.refused("the status of a removed member", s.fresh, getStatus, 93)
	if c := s.config(s.fresh); c.version() <= before.version() {
		s.t.Errorf("a removed member shows version %d", c.version()-1)
	}
	p = s.settled()
	s.must(p, reconfig(s.config(p).add(21, s.fresh, noVote...)))
	s.until("it is back", func() bool { return s.state(p, s.fresh) == "SECONDARY" && truth(s.hello(s.fresh), "secondary") })
	s.settled()
	s.must(p, reconfig(s.config(p).remove(s.fresh)))
	s.settled()
}

func (s *suite) newlyAdded() {
	p := s.settled()
	c := s.config(p)
	s.must(p, reconfig(c.add(22, s.fresh)))
	s.until("it votes, by a reconfig of the server's own", func() bool {
		d := s.must(p, getStatus)
		return integer(value(d, "votingMembersCount")) == 4 && s.config(p).version() > c.version()+1
	})
	p = s.settled()
	s.must(p, reconfig(s.config(p).remove(s.fresh)))
	s.settled()
}

func (s *suite) handOver() {
	p := s.settled()
	before := s.config(p)
	s.until("a step-down that is followed", func() bool {
		_, err := s.run(s.t.Context(), p, bson.D{{Key: "replSetStepDown", Value: 60}, {Key: "secondaryCatchUpPeriodSecs", Value: 5}})
		return err == nil
	})
	s.until("another one takes writes", func() bool { return s.primary() != p })
	now := s.primary()
	s.settled()
	if c := s.config(now); c.version() != before.version() || c.term() <= before.term() {
		s.t.Errorf("version %d and term %d became %d and %d", before.version()-1, before.term(), c.version()-1, c.term())
	}
	if d, _ := value(s.must(now, getStatus), "electionCandidateMetrics").(bson.D); value(d, "lastElectionReason") != "stepUpRequestSkipDryRun" {
		s.t.Errorf("the server says of the election %v", d)
	}
	if _, err := s.rig.Client(now).Database("test").Collection("rules").InsertOne(s.t.Context(), bson.D{{Key: "_id", Value: int64(2)}}); err != nil {
		s.t.Errorf("a majority write after it: %v", err)
	}
	s.must(p, bson.D{{Key: "replSetFreeze", Value: 0}})
}

func (s *suite) noFollower() {
	p := s.settled()
	for _, h := range s.hosts {
		if h != p {
			s.rig.Pause(h, true)
			defer s.rig.Pause(h, false)
		}
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Second)
	defer cancel()
	coll := s.rig.Client(p).Database("test").Collection("rules")
	_, _ = coll.InsertOne(ctx, bson.D{{Key: "_id", Value: int64(3)}}) // nobody else has it: its acknowledgement does not come
	s.refused("a step-down nobody can follow", p, bson.D{{Key: "replSetStepDown", Value: 10}, {Key: "secondaryCatchUpPeriodSecs", Value: 1}}, 262, "No electable secondaries caught up")
	if !truth(s.hello(p), "isWritablePrimary") {
		s.t.Errorf("the primary does not take writes again: %v", s.hello(p))
	}
}

func (s *suite) noQuorum() {
	s.until("all hear each other again", func() bool {
		p := s.settled()
		for _, h := range s.hosts {
			if h != p && s.state(p, h) != "SECONDARY" {
				return false
			}
		}
		return true
	})
	p := s.settled()
	c := s.config(p)
	for _, h := range s.hosts {
		if h != p {
			s.rig.Kill(h)
			defer s.rig.Restart(h)
		}
	}
	s.refused("a reconfig without a majority", p, reconfig(c), 74, "Quorum check failed because not enough voting nodes responded; required 2 but only the following 1 voting nodes responded")
}

func list(d bson.D, key string) (all []string) {
	a, _ := value(d, key).(bson.A)
	for _, v := range a {
		if text, ok := v.(string); ok {
			all = append(all, text)
		}
	}
	return all
}
