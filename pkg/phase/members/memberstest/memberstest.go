// Package memberstest is a simulated replica set with the product in front of it, in a bubble of testing/synctest: both have the
// same clock, which runs as fast as nobody has anything to do. It is for the tests of phases that deal with the database only,
// and decides nothing.
package memberstest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// Set is a set of old members, o1:1 and on, whose new members, n1:1 and on, have joined.
type Set struct {
	*wire.Server
	Deps     parts.Deps
	Goal     path.Goal
	Old, New []string
	First    replset.Config // with the new members, before anything else

	mu    sync.Mutex
	asked []Asked
}

// Asked is a command that somebody sent to a member.
type Asked struct {
	Host, Command string
	At            time.Time
}

// Do is what happens before a member carries out a command; what it returns, unless it is nil, is the answer instead.
type Do func(host, command string, sim *replsim.Sim) *replsim.Error

// Run lets f use such a set in a bubble.
func Run(t *testing.T, seed uint64, old, fresh int, f func(*testing.T, *Set)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &Set{Old: named("o", old), New: named("n", fresh)}
		s.Server = wire.Serve(replsim.New(seed), slices.Concat(s.Old, s.New)...)
		defer s.Close()
		s.When(nil)
		s.form()
		p := &plan.Plan{Metadata: plan.Metadata{Name: "test"}}
		p.Spec.MongoDB = &plan.MongoDB{New: s.New, MaxLag: plan.Duration(2 * time.Second), Step: plan.Duration(time.Minute)}
		set, err := replset.Open(replset.Options{URI: "mongodb://" + s.Old[0], Also: s.New, Dial: s.Dial})
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close(context.WithoutCancel(t.Context()))
		s.Deps = parts.Deps{Plan: p, Mongo: set}
		s.First = s.Settled(t).Config
		f(t, s)
	})
}

func named(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, prefix+strconv.Itoa(i+1)+":1")
	}
	return all
}

// form makes the set, and the goal, in which the new members are not yet there.
func (s *Set) form() {
	c := &replsim.Config{Name: "rs0"}
	s.Goal = path.Goal{Set: c.Name, New: s.New, First: path.Config{Version: 1, Term: 1}}
	for i, host := range s.Old {
		c.Members = append(c.Members, replsim.Member{ID: i, Host: host, Votes: 1, Priority: 1})
		s.Goal.First.Members = append(s.Goal.First.Members, path.Member{ID: i, Host: host, Votes: 1, Priority: 1})
	}
	for i, host := range s.New {
		c.Members = append(c.Members, replsim.Member{ID: len(s.Old) + i, Host: host, Hidden: true})
	}
	s.Server.Do(func(sim *replsim.Sim) { sim.Form(c, s.Old[0]) })
}

// When has do happen from now on; nil for nothing.
func (s *Set) When(do Do) {
	s.Before(func(host, command string, sim *replsim.Sim) *replsim.Error {
		s.mu.Lock()
		s.asked = append(s.asked, Asked{host, command, time.Now()})
		s.mu.Unlock()
		if do == nil {
			return nil
		}
		return do(host, command, sim)
	})
}

// Asked lists the commands of these names that were sent so far, in order, and to whom.
func (s *Set) Asked(commands ...string) (all []Asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if slices.Contains(commands, a.Command) {
			all = append(all, a)
		}
	}
	return all
}

// Settled waits until the set is at rest.
func (s *Set) Settled(t *testing.T) replset.View {
	t.Helper()
	why := ""
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		v, err := s.Deps.Mongo.View(t.Context())
		if err != nil {
			why = err.Error()
		} else if why = v.Unsettled() + v.Deaf(); why == "" {
			return v
		}
	}
	t.Fatalf("the set does not come to rest: %s", why)
	return replset.View{}
}

// Go takes the steps of a road up to a position, as the engine does: one is begun once the one before it is seen done.
func (s *Set) Go(t *testing.T, r *members.Road, to int) {
	t.Helper()
	for _, step := range r.Steps(1, to+1) {
		if err := step.Apply(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.ID, err)
		}
		s.Sees(t, step)
	}
}

// Sees waits until a step is done.
func (s *Set) Sees(t *testing.T, step phase.Step) {
	t.Helper()
	last := ""
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		o, err := step.Observe(t.Context())
		if err == nil && o.State == phase.Done {
			return
		}
		last = o.Detail
		if err != nil {
			last = err.Error()
		}
	}
	t.Fatalf("%s is not done: %s", step.ID, last)
}

// Write lets somebody write to the primary, so that members that are stalled are behind.
func Write(sim *replsim.Sim, primary string) {
	sim.Insert(primary, int64(1000+sim.Now()/time.Millisecond), 1, func(*replsim.Error) {})
}

// Part cuts the link between old and new, or mends it.
func (s *Set) Part(sim *replsim.Sim, cut bool) {
	for _, a := range s.Old {
		for _, b := range s.New {
			sim.Cut(a, b, cut)
			sim.Cut(b, a, cut)
		}
	}
}

// Won is the new member that is primary, in the words of its own status, whether or not it takes writes yet; "" for none.
func (s *Set) Won() (host string) {
	s.Server.Do(func(sim *replsim.Sim) {
		for _, h := range s.New {
			if st, err := sim.GetStatus(h); err == nil && st.State == replsim.Primary {
				host = h
			}
		}
	})
	return host
}
