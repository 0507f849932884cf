package members_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/members/memberstest"
	"cutover.dev/cutover/pkg/replset/path"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// stepping runs f with a set of three old and three new members whose primary is about to move, and the step that moves it.
func stepping(t *testing.T, seed uint64, f func(*testing.T, *memberstest.Set, phase.Step)) {
	t.Helper()
	memberstest.Run(t, seed, 3, 3, func(t *testing.T, s *memberstest.Set) {
		r, err := members.Ahead(s.Deps, s.Goal)
		if err != nil {
			t.Fatal(err)
		}
		to := slices.IndexFunc(r.Way.Positions(), func(p path.Position) bool { return p.StepDown })
		s.Go(t, r, to-1)
		f(t, s, r.Steps(to, to+1)[0])
	})
}

// stepDowns lets do happen as the primary is asked to step down, with how often it was asked before.
func stepDowns(s *memberstest.Set, do func(n int, primary string, sim *replsim.Sim) *replsim.Error) {
	n := 0
	s.When(func(host, command string, sim *replsim.Sim) *replsim.Error {
		if command != "replSetStepDown" {
			return nil
		}
		n++
		return do(n-1, host, sim)
	})
}

// behind lets some members miss a write for a while.
func behind(sim *replsim.Sim, primary string, hosts []string, d time.Duration) {
	for _, h := range hosts {
		sim.Stall(h, true)
		sim.After(d, func() { sim.Stall(h, false) })
	}
	memberstest.Write(sim, primary)
}

func TestAnyNewMemberMayWin(t *testing.T) {
	for winner := range 3 {
		stepping(t, 1, func(t *testing.T, s *memberstest.Set, step phase.Step) {
			stepDowns(s, func(_ int, primary string, sim *replsim.Sim) *replsim.Error {
				var others []string
				for i, h := range s.New {
					if i != winner {
						others = append(others, h)
					}
				}
				behind(sim, primary, others, 2*time.Second)
				return nil
			})
			if err := step.Apply(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.Sees(t, step)
			if v := s.Settled(t); v.Primary != s.New[winner] {
				t.Errorf("%s is primary, want %s", v.Primary, s.New[winner])
			}
		})
	}
}

// Whatever a step-down was answered, who takes writes afterwards is what counts: new, and it is over; old, and it is asked again.
func TestWhoTakesWritesAfterAStepDownCountsAndNotTheAnswer(t *testing.T) {
	for _, said := range []*replsim.Error{
		wire.Well,
		{Code: 10107, Name: "NotWritablePrimary", Message: "not primary so can't step down"},
		{Code: 189, Name: "PrimarySteppedDown", Message: "this node decided to step down for other reasons"},
		{Code: 117, Name: "ConflictingOperationInProgress", Message: "already in the process of stepping down"},
		{Code: 262, Name: "ExceededTimeLimit", Message: "No electable secondaries caught up"},
		{Code: 50, Name: "MaxTimeMSExpired", Message: "operation exceeded time limit"},
		{Code: replsim.Network},
	} {
		for _, moves := range []bool{true, false} {
			stepping(t, 1, func(t *testing.T, s *memberstest.Set, step phase.Step) {
				stepDowns(s, func(n int, primary string, sim *replsim.Sim) *replsim.Error {
					if n > 0 {
						return nil
					}
					if moves {
						sim.StepDown(primary, time.Minute, time.Second, false, 0, func(*replsim.Error) {})
					}
					return said
				})
				if err := step.Apply(t.Context()); err != nil {
					t.Errorf("%v, moves %v: %v", said, moves, err)
				}
				want := 1
				if !moves {
					want = 2
				}
				if got := len(s.Asked("replSetStepDown")); got != want {
					t.Errorf("%v, moves %v: it was asked to step down %d times, want %d", said, moves, got, want)
				}
				if v := s.Settled(t); !slices.Contains(s.New, v.Primary) {
					t.Errorf("%v, moves %v: %s is primary", said, moves, v.Primary)
				}
			})
		}
	}
}

// outcome is one more thing that may become of it.
type outcome struct {
	name  string
	begin func(*memberstest.Set)                                           // before the step
	do    func(*memberstest.Set, int, string, *replsim.Sim) *replsim.Error // at each time that it is asked to step down
	asked int                                                              // how often it has to be
	code  fault.Code                                                       // 0: it arrives
	says  []string
	after func(*testing.T, *memberstest.Set)
}

// stays wants the old primary to be primary still.
func stays(t *testing.T, s *memberstest.Set) {
	t.Helper()
	if v := s.Settled(t); v.Primary != s.Old[0] {
		t.Errorf("%s is primary", v.Primary)
	}
}

// lagging are those where who takes over has not all writes.
func lagging() []outcome {
	return []outcome{
		{
			name: "nobody has all writes at first", asked: 2,
			do: func(s *memberstest.Set, n int, primary string, sim *replsim.Sim) *replsim.Error {
				if n == 0 {
					behind(sim, primary, s.New, 4*time.Second)
				}
				return nil
			},
		},
		{
			name: "nobody has all writes, each time", asked: 3, code: fault.Refused,
			says: []string{"did not move in 3 attempts", "code 262", "o1:1 accepts writes"},
			do: func(s *memberstest.Set, _ int, primary string, sim *replsim.Sim) *replsim.Error {
				behind(sim, primary, s.New, 4*time.Second)
				return nil
			},
			after: stays,
		},
		{
			name: "who takes over lags all the time: it is not even asked", asked: 0, code: fault.Refused,
			says: []string{"did not move in 3 attempts", "2s or more behind"},
			begin: func(s *memberstest.Set) {
				s.Do(func(sim *replsim.Sim) { sim.Stall(s.New[1], true) })
			},
			after: stays,
		},
	}
}

// unsettled are those where who wins does not show at once, or nobody does.
func unsettled() []outcome {
	return []outcome{
		{
			name: "the primary hangs as it steps down", asked: 1,
			do: func(_ *memberstest.Set, _ int, primary string, sim *replsim.Sim) *replsim.Error {
				sim.Pause(primary, true)
				sim.After(2*time.Minute, func() { sim.Pause(primary, false) })
				return nil
			},
		},
		{
			name: "nobody stands, so the old primary may again", asked: 2,
			do: func(s *memberstest.Set, n int, _ string, sim *replsim.Sim) *replsim.Error {
				for _, h := range s.New {
					if n == 0 {
						sim.Freeze(h, 50*time.Second)
					}
				}
				return nil
			},
			after: func(t *testing.T, s *memberstest.Set) {
				t.Helper()
				down := s.Asked("replSetStepDown")[0].At
				told := slices.ContainsFunc(s.Asked("replSetFreeze"), func(a memberstest.Asked) bool {
					d := a.At.Sub(down)
					return a.Host == s.Old[0] && d > 5*time.Second && d < 7*time.Second
				})
				if !told {
					t.Errorf("%s was not told that it may stand again", s.Old[0])
				}
			},
		},
		{
			name: "nobody is primary any more", asked: 1, code: fault.Unknown,
			says: []string{"no member of rs0 has accepted writes for 3", "bring the members or the link back", "rs.reconfig", "can lose acknowledged writes"},
			do: func(s *memberstest.Set, _ int, _ string, sim *replsim.Sim) *replsim.Error {
				for _, h := range s.New {
					sim.Freeze(h, time.Minute)
					sim.After(time.Second, func() { sim.Kill(h) })
				}
				return nil
			},
		},
		{
			name: "the user may not", asked: 1, code: fault.Refused, says: []string{"may not"},
			do: func(*memberstest.Set, int, string, *replsim.Sim) *replsim.Error {
				return &replsim.Error{Code: 13, Name: "Unauthorized", Message: "not authorized on admin"}
			},
			after: stays,
		},
	}
}

func TestEveryOutcomeOfAStepDownIsHandled(t *testing.T) {
	for _, o := range slices.Concat(lagging(), unsettled()) {
		t.Run(o.name, func(t *testing.T) {
			stepping(t, 1, func(t *testing.T, s *memberstest.Set, step phase.Step) {
				if o.begin != nil {
					o.begin(s)
				}
				stepDowns(s, func(n int, primary string, sim *replsim.Sim) *replsim.Error {
					if o.do == nil {
						return nil
					}
					return o.do(s, n, primary, sim)
				})
				began := time.Now()
				err := step.Apply(t.Context())
				t.Logf("after %s: %v", time.Since(began), err)
				if fault.CodeOf(err) != o.code {
					t.Errorf("code %d, want %d", fault.CodeOf(err), o.code)
				}
				for _, words := range o.says {
					if err == nil || !strings.Contains(err.Error(), words) {
						t.Errorf("it does not say %q", words)
					}
				}
				if got := len(s.Asked("replSetStepDown")); got != o.asked {
					t.Errorf("it was asked to step down %d times, want %d", got, o.asked)
				}
				if o.after != nil {
					o.after(t, s)
				}
				if o.code == fault.OK {
					if v := s.Settled(t); !slices.Contains(s.New, v.Primary) {
						t.Errorf("%s is primary", v.Primary)
					}
				}
			})
		})
	}
}

// Who is asked to stop while it is not known yet who wins does not call it a failure.
func TestAProcessThatStopsAfterTheStepDownLeavesItToWhoLooksNext(t *testing.T) {
	stepping(t, 1, func(t *testing.T, s *memberstest.Set, step phase.Step) {
		ctx, stop := context.WithCancel(t.Context())
		stepDowns(s, func(_ int, _ string, sim *replsim.Sim) *replsim.Error {
			for _, h := range s.New {
				sim.Freeze(h, 10*time.Second)
			}
			sim.After(2*time.Second, stop)
			return nil
		})
		if err := step.Apply(ctx); err != nil {
			t.Error(err)
		}
		s.Sees(t, step)
	})
}
