package replset

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// simulated is a set of three, and a fourth member that neither votes nor can be primary.
func simulated(t *testing.T, network string) (*wire.Server, *Set, View) {
	t.Helper()
	var addresses []string
	for _, host := range []string{"1", "2", "3", "4"} {
		addresses = append(addresses, network+host+":0")
	}
	sim, err := wire.Listen(replsim.New(1), addresses...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	sim.Hurry(5)
	c := &replsim.Config{Name: "rs0"}
	for i, h := range sim.Hosts() {
		m := replsim.Member{ID: i, Host: h, Votes: 1, Priority: 1}
		if i == 3 {
			m.Votes, m.Priority, m.Hidden = 0, 0, true
		}
		c.Members = append(c.Members, m)
	}
	sim.Do(func(s *replsim.Sim) { s.Form(c, sim.Hosts()[0]) })
	set, err := Open(Options{URI: "mongodb://" + sim.Hosts()[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close(context.WithoutCancel(t.Context())) })
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if v, err := set.View(t.Context()); err == nil && v.Unsettled() == "" {
			return sim, set, v
		}
	}
	t.Fatal("the simulated set does not come to rest")
	return nil, nil, View{}
}

// another is a change by somebody else. It lasts as long as the primary waits for a member that does not hear it.
func another(sim *wire.Server, v View, change func(*replsim.Config)) <-chan *replsim.Error {
	answered := make(chan *replsim.Error, 1)
	sim.Do(func(s *replsim.Sim) {
		s.Cut(v.Primary, sim.Hosts()[3], true)
		now, _, _ := s.GetConfig(v.Primary, false)
		c := *now
		c.Members = append([]replsim.Member(nil), now.Members...)
		c.Version++
		change(&c)
		s.Reconfig(v.Primary, &c, false, 0, func(e *replsim.Error) { answered <- e })
	})
	return answered
}

func TestAChangeThatIsUnderWayIsWaitedFor(t *testing.T) {
	sim, rs, v := simulated(t, "127.0.5.")
	answered := another(sim, v, func(*replsim.Config) {}) // the same once more, with the next version
	if err := rs.reconfig(t.Context(), v, v.Config); CodeOf(err) != codeInProgress {
		t.Fatalf("the set is not busy, so nothing is seen here: %v", err)
	}
	want := v.Config.With(sim.Hosts()[3], 0, 0, false)
	if err := rs.Install(t.Context(), v.Config, want); err != nil {
		t.Errorf("beside another change: %v", err)
	}
	select {
	case e := <-answered:
		if e != nil {
			t.Errorf("the other change ended with %v", e)
		}
	default:
		t.Error("the other change is still under way, so it was not waited for")
	}
	if now, err := rs.View(t.Context()); err != nil || !now.Config.Same(want) || now.Config.Version() != v.Config.Version()+2 {
		t.Errorf("in force is %v (%v), it was %v", now.Config, err, v.Config)
	}
}

func TestAChangeThatWasOvertakenByAnotherIsNotMade(t *testing.T) {
	sim, rs, v := simulated(t, "127.0.6.")
	another(sim, v, func(c *replsim.Config) { c.Members[2].Priority = 0.5 })
	err := rs.Install(t.Context(), v.Config, v.Config.With(sim.Hosts()[3], 0, 0, false))
	if !errors.Is(err, phase.ErrMoved) {
		t.Errorf("after another change: %v", err)
	}
}

func TestWhoWaitsForAnotherChangeInVainIsToldWhatToDo(t *testing.T) {
	for _, c := range []struct {
		code               int32
		busy, first, again bool
	}{
		{codeInProgress, true, false, false},
		{codeNotCommitted, true, false, false},
		{codeIncompatible, true, false, true},
		{codeNotElectable, false, true, true},
		{codeNodeNotFound, false, false, false},
	} {
		err := &Error{Host: "h:1", Command: "replSetReconfig", Kind: Answered, Code: c.code, Err: errors.New("in whatever words")}
		if busy(err) != c.busy || final(err, false) != c.first || final(err, true) != c.again {
			t.Errorf("%d: busy is %v, final at first is %v, and again %v", c.code, busy(err), final(err, false), final(err, true))
		}
	}
	if text := stillBusy("h:1", errors.New("code 109")).Error(); !strings.Contains(text, "h:1") || !strings.Contains(text, "run this again") || !strings.Contains(text, "109") {
		t.Error(text)
	}
}

// The driver gives up a question for which the time is too short before that time is over. Who waits would take it for an answer of
// that moment, and forget the last one.
func TestAQuestionIsNotGivenUpBeforeTheTimeOfWhoAsksIsOver(t *testing.T) {
	_, set, v := simulated(t, "127.0.10.")
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		var err error
		for err == nil {
			_, err = set.Node(v.Primary).Hello(ctx)
		}
		over := ctx.Err() != nil
		if cancel(); !over {
			t.Fatalf("it was given up before: %v", err)
		}
	}
}
