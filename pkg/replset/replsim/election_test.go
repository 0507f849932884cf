package replsim

import (
	"testing"
	"time"
)

func TestAMemberThatLagsIsNotElected(t *testing.T) {
	s := formed(1, 3, 0)
	s.Stall("o2", true)
	acked := false
	s.Insert("o1", 1, 0, func(e *Error) { acked = e == nil })
	s.Run(3 * time.Second)
	if err := s.Freeze("o3", time.Hour); err != nil || !acked {
		t.Fatalf("%v, acknowledged: %t", err, acked)
	}
	s.Kill("o1")
	if s.Until(2*time.Minute, func() bool { return s.Writable("o2") }) {
		t.Error("it lacks a write that a majority had, and is primary")
	}
	s.Stall("o2", false)
	if !s.Until(time.Minute, func() bool { return s.Writable("o2") }) || !s.Has("o2", 1) {
		t.Error("once it has caught up, it is not elected")
	}
}

func TestAVoterHasOneVoteATermAndNoneForAnOlderConfiguration(t *testing.T) {
	s := formed(1, 3, 0)
	o1, o2, o3 := s.node("o1"), s.node("o2"), s.node("o3")
	if !o3.grants(o2, 5, true) || !o3.grants(o1, 5, false) || o3.grants(o2, 5, false) || !o3.grants(o2, 6, false) {
		t.Error("a trial costs a vote, or a term has two")
	}
	if o3.grants(o2, 4, false) {
		t.Error("it votes in a term that is past")
	}
	newer := *o2.config
	newer.Version++
	o3.install(&newer)
	if o3.grants(o2, 9, true) {
		t.Error("it votes for a candidate with an older configuration")
	}
	if !o2.grants(o3, 9, true) {
		t.Error("it does not vote for one with a newer configuration")
	}
	s.VotersWantEqual = true
	if o2.grants(o3, 9, true) {
		t.Error("it votes for one with another configuration, and was told not to")
	}
}

func TestAHigherPriorityTakesOverByItselfAndAnEqualOneNever(t *testing.T) {
	for priority, takes := range map[float64]bool{1: false, 2: true} {
		s := formed(1, 3, 0)
		if err, _ := change(s, 0, func(c *Config) { c.find("o3").Priority = priority }); err != nil {
			t.Fatal(err)
		}
		from := s.now
		took := s.Until(time.Minute, func() bool { return s.Writable("o3") })
		if took != takes || took && (s.now-from < 8*time.Second || s.now-from > 14*time.Second || s.node("o3").won.Reason != byTakeover) {
			t.Errorf("priority %g: took over %t after %s", priority, took, s.now-from)
		}
	}
}
