package replsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What was measured on a real set, asked of the simulator. Times are virtual.

// formed is a set of old voters and new members without votes.
func formed(seed uint64, old, fresh int) *Sim {
	s := New(seed)
	c := &Config{Name: "rs0"}
	for i := range old {
		s.Start(fmt.Sprintf("o%d", i+1), "", "key")
		c.Members = append(c.Members, Member{ID: i, Host: fmt.Sprintf("o%d", i+1), Votes: 1, Priority: 1})
	}
	for i := range fresh {
		s.Start(fmt.Sprintf("n%d", i+1), "", "key")
		c.Members = append(c.Members, Member{ID: old + i, Host: fmt.Sprintf("n%d", i+1), Hidden: true})
	}
	s.Form(c, "o1")
	return s
}

// change makes one reconfig and returns how long its answer took.
func change(s *Sim, limit time.Duration, edit func(*Config)) (*Error, time.Duration) {
	c := *s.node("o1").config
	c.Members = slices.Clone(c.Members)
	c.Version++
	edit(&c)
	var answer *Error
	answered, from := false, s.now
	s.Reconfig("o1", &c, false, limit, func(e *Error) { answer, answered = e, true })
	s.Until(time.Minute, func() bool { return answered })
	return answer, s.now - from
}

func show(c *Config) { c.find("n1").Hidden = false }

func TestAHungMemberMakesAReconfigTakeTenSecondsAndADeadOneNothing(t *testing.T) {
	for what, harm := range map[string]func(*Sim){"nothing": func(*Sim) {}, "killed": func(s *Sim) { s.Kill("n2") }, "hangs": func(s *Sim) { s.Pause("n2", true) }} {
		s := formed(1, 3, 3)
		harm(s)
		err, took := change(s, 0, show)
		if slow := what == "hangs"; err != nil || slow != (took >= 10*time.Second) || took > 13*time.Second || !slow && took > 2500*time.Millisecond {
			t.Errorf("%s: %v after %s", what, err, took)
		}
	}
}

// handOver is the longest time between two acknowledged writes around a step-down.
func handOver(t *testing.T, seed uint64, w int) time.Duration {
	t.Helper()
	s := formed(seed, 3, 0)
	var last, longest time.Duration
	var write func()
	id := int64(0)
	write = func() {
		s.After(15*time.Millisecond, write)
		for _, n := range s.nodes {
			if n.writable {
				id++
				s.Insert(n.host, id, w, func(e *Error) {
					if e == nil {
						longest, last = max(longest, s.now-last), s.now
					}
				})
				return
			}
		}
	}
	write()
	s.Run(3 * time.Second)
	longest = 0
	var answer *Error
	s.StepDown("o1", 120*time.Second, 3*time.Second, false, 0, func(e *Error) { answer = e })
	s.Run(5 * time.Second)
	if answer != nil || s.Writable("o1") {
		t.Fatalf("seed %d: %v", seed, answer)
	}
	return longest
}

func TestAHandOverStopsMajorityWritesForASecondAndOthersForLess(t *testing.T) {
	var majority, one []time.Duration
	for seed := range uint64(41) {
		majority, one = append(majority, handOver(t, seed, 0)), append(one, handOver(t, seed, 1))
	}
	slices.Sort(majority)
	slices.Sort(one)
	if m := majority[20]; m < 900*time.Millisecond || m > 1300*time.Millisecond {
		t.Errorf("majority writes stop for %s", m)
	}
	if m := one[20]; m < 20*time.Millisecond || m > 300*time.Millisecond {
		t.Errorf("w:1 writes stop for %s", m)
	}
}

func TestAHandOverToFrozenMembersLeavesNoPrimaryForAnElectionTimeout(t *testing.T) {
	s := formed(1, 3, 0)
	for _, h := range []string{"o2", "o3"} {
		if err := s.Freeze(h, 2*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	var answer *Error
	s.StepDown("o1", 120*time.Second, 3*time.Second, false, 0, func(e *Error) { answer = e })
	from := s.now
	s.Until(time.Minute, func() bool { return s.Writable("o2") || s.Writable("o3") })
	if took := s.now - from; answer != nil || took < 9*time.Second || took > 15*time.Second {
		t.Errorf("%v, no primary for %s", answer, took)
	}
}

func TestBadJoinsFareAsOnARealSet(t *testing.T) {
	s := formed(1, 3, 0)
	s.Start("own", "", "key")
	s.Start("key", "", "another")
	s.Start("name", "rs1", "key")
	s.Start("full", "", "key")
	s.Fill("full")
	if err := s.Initiate("own", &Config{Name: "rs0", Members: []Member{{Host: "own", Votes: 1, Priority: 1}}}); err != nil {
		t.Fatal(err)
	}
	s.Run(5 * time.Second)
	for i, want := range []struct {
		host string
		code int
		see  string
	}{{"own", 0, "replica set IDs do not match"}, {"key", 0, ""}, {"name", 103, ""}, {"nobody", 0, "Connection refused"}, {"full", 0, ""}} {
		err, _ := change(s, 0, func(c *Config) { c.Members = append(c.Members, Member{ID: 10 + i, Host: want.host, Hidden: true}) })
		if (err == nil) != (want.code == 0) || err != nil && err.Code != want.code {
			t.Errorf("%s: %v", want.host, err)
		}
		s.Run(15 * time.Second)
		p := s.node("o1").peer(want.host)
		if joined := want.host == "full"; err == nil && (p.healthy != joined || !strings.Contains(p.message, want.see) || p.auth != (want.host == "key")) {
			t.Errorf("%s is seen as %+v", want.host, *p)
		}
	}
	if !s.Writable("own") || s.node("full").data || s.node("full").state != Secondary {
		t.Errorf("own is primary of its own set: %t, data of full is still there: %t", s.Writable("own"), s.node("full").data)
	}
}

func TestADeadlineStrikesBeforeOrAfterTheChange(t *testing.T) {
	s := formed(1, 3, 3)
	s.Pause("n2", true)
	if err, _ := change(s, 5*time.Second, show); err == nil || err.Code != 50 || s.node("o1").config.Version != 1 {
		t.Errorf("while members are asked: %v, version %d", err, s.node("o1").config.Version)
	}
	s = formed(2, 3, 3)
	if err, _ := change(s, 30*time.Millisecond, show); err == nil || err.Code != 50 || s.node("o1").config.Version != 2 {
		t.Errorf("while it spreads: %v, version %d", err, s.node("o1").config.Version)
	}
	if err, _ := change(s, 10*time.Millisecond, func(c *Config) { c.find("n2").Hidden = false }); err == nil || err.Code != 308 || s.node("o1").config.Version != 2 {
		t.Errorf("before that: %v, version %d", err, s.node("o1").config.Version)
	}
}

func TestACutAtTheEvenSplitLeavesNobodyAndHeals(t *testing.T) {
	s := formed(1, 1, 1)
	if err, _ := change(s, 0, func(c *Config) { *c.find("n1") = Member{ID: 1, Host: "n1", Votes: 1, Priority: 1} }); err != nil {
		t.Fatal(err)
	}
	s.Cut("o1", "n1", true)
	s.Cut("n1", "o1", true)
	s.Run(8 * time.Second)
	if !s.Writable("o1") {
		t.Error("the primary gives up before it can know")
	}
	s.Run(25 * time.Second)
	if s.Writable("o1") || s.Writable("n1") {
		t.Error("half of the votes make a primary")
	}
	s.Cut("o1", "n1", false)
	s.Cut("n1", "o1", false)
	if !s.Until(30*time.Second, func() bool { return s.Writable("o1") || s.Writable("n1") }) {
		t.Error("it does not heal")
	}
}

func TestTheSameSeedGivesTheSameHistory(t *testing.T) {
	run := func() string {
		h := begin(t, 7)
		h.live()
		return strings.Join(append(h.s.Dump(), h.tool.log...), "\n")
	}
	if a, b := run(), run(); a != b {
		t.Errorf("%s\n\n%s", a, b)
	}
}
