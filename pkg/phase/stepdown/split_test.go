package stepdown

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/members/memberstest"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/replset/path"
	"cutover.dev/cutover/pkg/replset/replsim"
)

// process is one run of the phase on a simulated set, in its bubble.
func process(ctx context.Context, t *testing.T, s *memberstest.Set, j journal.Store, hear phasetest.Hear) (engine.Result, error) {
	t.Helper()
	e := &engine.Engine{Store: j, Run: "test", Seed: "test", Poll: 200 * time.Millisecond, Grace: time.Minute, Sink: telling(t, hear)}
	return e.Apply(ctx, New(s.Deps), engine.Options{})
}

// journalOf is the journal after join.
func journalOf(t *testing.T, s *memberstest.Set) journal.Store {
	t.Helper()
	first := s.First
	for _, host := range s.New {
		first = first.Minus(host)
	}
	return remembered(t, phasetest.Facts{members.FirstFact: first})
}

// at is where the set is on the way there.
func at(t *testing.T, s *memberstest.Set) path.Position {
	t.Helper()
	w, err := path.Ahead(s.Goal)
	if err != nil {
		t.Fatal(err)
	}
	i, err := w.At(s.Settled(t).Live())
	if err != nil {
		t.Fatal(err)
	}
	return w.Positions()[i]
}

// The change that ends the even split is sent, and nobody hears of it again: 15 seconds after the split was seen it is taken back.
func TestAnEvenSplitThatDoesNotEndIsTakenBack(t *testing.T) {
	memberstest.Run(t, 1, 3, 3, func(t *testing.T, s *memberstest.Set) {
		var in, back time.Time
		hear := func(e engine.Event) {
			switch {
			case e.What == engine.Done && strings.HasSuffix(e.Step, "/3+3"):
				in = e.At
				s.When(func(_, command string, _ *replsim.Sim) *replsim.Error {
					if command == "replSetReconfig" {
						return &replsim.Error{Code: replsim.Network}
					}
					return nil
				})
			case e.What == engine.Watch && e.Err != nil, e.What == engine.Reverting && back.IsZero():
				back = e.At
				s.When(nil)
			}
		}
		before := s.Settled(t)
		r, err := process(t.Context(), t, s, journalOf(t, s), hear)
		if exit(r, err, false) != fault.Broken {
			t.Errorf("it ends with %d: %v", exit(r, err, false), err)
		}
		for _, words := range []string{"the even split did not end within 15s", "went back to before"} {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("it does not say %q: %v", words, err)
			}
		}
		if d := back.Sub(in); in.IsZero() || d < 15*time.Second || d > 16*time.Second {
			t.Errorf("it was taken back %s after it was seen", d)
		}
		v := s.Settled(t)
		if p := at(t, s); p.Old != 3 || p.New != 2 || v.Primary != before.Primary || v.Config.Term() != before.Config.Term() {
			t.Errorf("it is at %s, primary %s, %v", p.ID, v.Primary, v.Config)
		}
	})
}

// A member that hangs makes each change of the configuration last twelve seconds, so the even split is not entered with one.
func TestNobodyWhoHangsIsTakenIntoTheEvenSplit(t *testing.T) {
	for host := range 6 {
		memberstest.Run(t, 1, 3, 3, func(t *testing.T, s *memberstest.Set) {
			all := slices.Concat(s.Old, s.New)
			if all[host] == s.Old[0] {
				return // the primary
			}
			r, err := process(t.Context(), t, s, journalOf(t, s), func(e engine.Event) {
				if e.What == engine.Done && strings.HasSuffix(e.Step, "/3+2") {
					s.Do(func(sim *replsim.Sim) { sim.Pause(all[host], true) })
				}
			})
			if code := exit(r, err, false); code != fault.Broken || !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), all[host]+" hangs") {
				t.Errorf("%s hangs, and it ends with %d: %v", all[host], code, err)
			}
			s.Do(func(sim *replsim.Sim) { sim.Pause(all[host], false) })
			if p := at(t, s); p.Old != 3 || p.New != 2 {
				t.Errorf("%s hangs, and it is at %s", all[host], p.ID)
			}
		})
	}
}

// At the start, it is a no, and nothing is begun.
func TestNothingIsBegunWhileAMemberHangsOrIsGone(t *testing.T) {
	for _, gone := range []bool{true, false} {
		memberstest.Run(t, 1, 3, 3, func(t *testing.T, s *memberstest.Set) {
			says := s.New[2] + " hangs"
			if gone {
				says = s.New[2] + " does not answer"
				s.Kill(s.New[2])
			} else {
				s.Do(func(sim *replsim.Sim) { sim.Pause(s.New[2], true) })
			}
			r, err := process(t.Context(), t, s, journalOf(t, s), nil)
			if exit(r, err, false) != fault.Refused || !strings.Contains(err.Error(), says) {
				t.Errorf("begun %v, %d: %v", r.Begun, exit(r, err, false), err)
			}
			if n := len(s.Asked("replSetReconfig")); n > 0 {
				t.Errorf("%d changes were sent", n)
			}
		})
	}
}
