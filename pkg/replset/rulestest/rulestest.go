// Package rulestest is the conformance suite of replica sets: what the planner, the simulator and the moves take the server's
// rules to be, asked of servers over the wire. The simulator and a real mongod pass the same one, so that they can't
// disagree. It knows nothing of either. It is for tests only.
package rulestest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Rig is at least four servers started for the set rs0, none of them in a set yet, and nothing else.
type Rig interface {
	Hosts() []string
	Client(host string) *mongo.Client // direct, with every right
	Pause(host string, paused bool)
	Kill(host string)
	Restart(host string)
}

// suite is one run. Its checks build on each other: starting real servers takes too long to do it for each.
type suite struct {
	t     *testing.T
	rig   Rig
	hosts []string
	fresh string // the fourth
}

// Run asks everything.
func Run(t *testing.T, rig Rig) {
	t.Helper()
	s := &suite{t: t, rig: rig, hosts: rig.Hosts()[:3], fresh: rig.Hosts()[3]}
	for i, check := range []struct {
		name string
		do   func(*suite)
	}{
		{"a fresh server has no configuration", (*suite).freshServer},
		{"a set grows one voter at a time", (*suite).grow},
		{"a reconfig is refused with the server's code and words", (*suite).refusals},
		{"what only a primary does is refused by others", (*suite).roles},
		{"of two reconfigs at once one wins", (*suite).compareAndSet},
		{"a member that nobody ever heard is told from others", (*suite).unheard},
		{"a member joins without vote, and leaves", (*suite).joinAndLeave},
		{"a new member with a vote gets it once it has its data", (*suite).newlyAdded},
		{"a step-down hands over, with a new term and the same version", (*suite).handOver},
		{"a step-down that nobody can follow gives the writes back", (*suite).noFollower},
		{"without a majority of voters a reconfig is refused", (*suite).noQuorum},
	} {
		if !t.Run(check.name, func(t *testing.T) { s.t = t; check.do(s) }) && i < 2 {
			return // what follows builds on it
		}
	}
}

// run does a command, with a deadline only where ctx has one.
func (s *suite) run(ctx context.Context, host string, cmd bson.D) (bson.D, error) {
	var reply bson.D
	err := s.rig.Client(host).Database("admin").RunCommand(ctx, cmd).Decode(&reply)
	return reply, err
}

// must is run for what has to succeed.
func (s *suite) must(host string, cmd bson.D) bson.D {
	s.t.Helper()
	reply, err := s.run(s.t.Context(), host, cmd)
	if err != nil {
		s.t.Fatalf("%s on %s: %v", cmd[0].Key, host, err)
	}
	return reply
}

// refused wants an error of that code, with these words in its message.
func (s *suite) refused(what, host string, cmd bson.D, code int32, words ...string) {
	s.t.Helper()
	_, err := s.run(s.t.Context(), host, cmd)
	var said mongo.CommandError
	switch {
	case err == nil:
		s.t.Errorf("%s: accepted, want %d", what, code)
	case !errors.As(err, &said):
		s.t.Errorf("%s: %v, want %d", what, err, code)
	case said.Code != code:
		s.t.Errorf("%s: %d %s, want %d", what, said.Code, said.Message, code)
	}
	for _, w := range words {
		if !strings.Contains(said.Message, w) {
			s.t.Errorf("%s: %q does not say %q", what, said.Message, w)
		}
	}
}

// until waits for something that takes its time.
func (s *suite) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	s.t.Fatalf("not within 90s: %s", what)
}

func (s *suite) hello(host string) bson.D {
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Second)
	defer cancel()
	d, _ := s.run(ctx, host, bson.D{{Key: "hello", Value: 1}})
	return d
}

// primary is who takes writes, waited for.
func (s *suite) primary() string {
	s.t.Helper()
	found := ""
	s.until("a writable primary", func() bool {
		for _, h := range s.hosts {
			if truth(s.hello(h), "isWritablePrimary") {
				found = h
				return true
			}
		}
		return false
	})
	return found
}

// settled waits until the next reconfig need not wait.
func (s *suite) settled() string {
	s.t.Helper()
	p := s.primary()
	s.until("a committed configuration", func() bool {
		d, err := s.run(s.t.Context(), p, bson.D{{Key: "replSetGetConfig", Value: 1}, {Key: "commitmentStatus", Value: true}})
		if err != nil {
			p = s.primary()
		}
		return truth(d, "commitmentStatus")
	})
	return p
}

// config is what a server has, ready to be changed: its version is one more.
func (s *suite) config(host string) *config {
	s.t.Helper()
	d, _ := value(s.must(host, bson.D{{Key: "replSetGetConfig", Value: 1}}), "config").(bson.D)
	c := &config{doc: d}
	c.set("version", int32(c.version()+1)) //nolint:gosec // below 2^31
	return c
}

func (s *suite) state(seenBy, host string) string {
	text, _ := value(s.seen(seenBy, host), "stateStr").(string)
	return text
}

// seen is a member in the eyes of another.
func (s *suite) seen(by, host string) bson.D {
	d, _ := s.run(s.t.Context(), by, getStatus)
	list, _ := value(d, "members").(bson.A)
	for _, v := range list {
		if m, _ := v.(bson.D); value(m, "name") == host {
			return m
		}
	}
	return nil
}
