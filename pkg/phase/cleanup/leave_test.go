package cleanup

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/members/memberstest"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// database is the part of the phase that is about the replica set, and a journal in which join wrote down what that was.
func database(t *testing.T, s *memberstest.Set) (phase.Phase, journal.Store) {
	t.Helper()
	first := s.First
	for _, host := range s.New {
		first = first.Minus(host)
	}
	store := &journal.Memory{}
	log, err := journal.Open(t.Context(), store, "test")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(first)
	if err == nil {
		err = log.Append(t.Context(), journal.Entry{
			Phase: "join", Step: "record:replica-set", What: journal.Done, Facts: map[string]json.RawMessage{members.FirstFact: text},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	steps := func(_ context.Context, past phase.Past) ([]phase.Group, error) { return leaves(s.Deps, past) }
	return phase.Phase{Name: Name, Steps: steps}, store
}

func cleanUp(t *testing.T, s *memberstest.Set, final bool) error {
	t.Helper()
	p, store := database(t, s)
	e := &engine.Engine{Store: store, Run: "test", Seed: "test", Poll: 200 * time.Millisecond, Grace: time.Minute}
	_, err := e.Apply(t.Context(), p, engine.Options{AllowFinal: final})
	return err
}

// settledInNew brings everything to new but the membership of the old ones.
func settledInNew(t *testing.T, s *memberstest.Set) {
	t.Helper()
	s.Deps.Plan.Spec.MongoDB.Clients = plan.Accepted
	r, err := members.Ahead(s.Deps, s.Goal)
	if err != nil {
		t.Fatal(err)
	}
	s.Go(t, r, len(r.Way.Positions())-1)
}

// Each old member leaves by one change, and before the next one leaves, all that are left dropped their connections to it.
func TestOldMembersLeaveOneByOneAndAreForgotten(t *testing.T) {
	for _, shape := range [][2]int{{3, 3}, {1, 2}} {
		memberstest.Run(t, 1, shape[0], shape[1], func(t *testing.T, s *memberstest.Set) {
			settledInNew(t, s)
			before := s.Settled(t)
			changes := len(s.Asked("replSetReconfig"))
			if err := cleanUp(t, s, true); err != nil {
				t.Fatal(err)
			}
			v := s.Settled(t)
			var got, inOrder []string
			for _, a := range s.Asked("replSetReconfig", "dropConnections")[changes:] {
				got = append(got, a.Command)
			}
			for left := len(s.Old) - 1; left >= 0; left-- {
				inOrder = append(append(inOrder, "replSetReconfig"), slices.Repeat([]string{"dropConnections"}, left+len(s.New))...)
			}
			if !slices.Equal(got, inOrder) {
				t.Errorf("it was asked %v, want %v", got, inOrder)
			}
			var want []string // the last one that was listed goes first, and nobody is told to forget who is there
			for _, host := range slices.Backward(s.Old) {
				want = append(want, host)
			}
			for _, host := range s.New {
				if got := s.Dropped(host); !slices.Equal(got, want) {
					t.Errorf("%s dropped its connections to %v, want %v", host, got, want)
				}
			}
			if len(v.Members) != len(s.New) || v.Primary != before.Primary || v.Config.Term() != before.Config.Term() {
				t.Errorf("%d members are left, primary %s, %v", len(v.Members), v.Primary, v.Config)
			}
			for _, m := range v.Config.Members() {
				if !slices.Contains(s.New, m.Host) || m.Votes != 1 {
					t.Errorf("%+v is left", m)
				}
			}
		})
	}
}

// There is no way back from it, so nobody leaves unless that is allowed, and each step says why.
func TestNoOldMemberLeavesUnlessWhatIsFinalIsAllowed(t *testing.T) {
	memberstest.Run(t, 1, 3, 3, func(t *testing.T, s *memberstest.Set) {
		settledInNew(t, s)
		changes := len(s.Asked("replSetReconfig"))
		if err := cleanUp(t, s, false); !errors.Is(err, engine.ErrFinal) {
			t.Errorf("want %v, got %v", engine.ErrFinal, err)
		}
		p, store := database(t, s)
		log, err := journal.Open(t.Context(), store, "test")
		if err != nil {
			t.Fatal(err)
		}
		groups, err := p.Steps(t.Context(), log)
		if err != nil || len(groups) != 1 || len(groups[0].Lanes) != 1 || len(groups[0].Lanes[0]) != 3 {
			t.Fatalf("%d groups, %v", len(groups), err)
		}
		for _, step := range groups[0].Lanes[0] {
			if step.Final == "" || step.Revert != nil {
				t.Errorf("%s has a way back, or does not say why it has none", step.ID)
			}
		}
		if n := len(s.Asked("replSetReconfig")); n != changes {
			t.Errorf("%d changes were sent", n-changes)
		}
	})
}

// A set that has not moved keeps its old members, whatever is allowed.
func TestNoOldMemberLeavesASetThatHasNotMoved(t *testing.T) {
	memberstest.Run(t, 1, 3, 3, func(t *testing.T, s *memberstest.Set) {
		s.Deps.Plan.Spec.MongoDB.Clients = plan.Accepted
		err := cleanUp(t, s, true)
		if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "o1:1 still has a vote in the replica set; finish stepdown first") || len(s.Asked("replSetReconfig")) > 0 {
			t.Errorf("%v", err)
		}
	})
}

// However often a process dies on the way, each old member leaves once.
func TestOldMembersLeaveOnceHoweverOftenAProcessDies(t *testing.T) {
	memberstest.Run(t, 1, 2, 2, func(t *testing.T, s *memberstest.Set) {
		settledInNew(t, s)
		p, store := database(t, s)
		log, err := journal.Open(t.Context(), store, "test")
		if err != nil {
			t.Fatal(err)
		}
		steps := p.Steps // of what join wrote down, which the journals of the processes do not have
		p.Steps = func(ctx context.Context, _ phase.Past) ([]phase.Group, error) { return steps(ctx, log) }
		there := s.Settled(t).Config
		phasetest.TestCrashes(t, phasetest.World{
			Writes: func() int { return len(s.Asked("replSetReconfig")) },
			State: func() any {
				var members []string
				for _, m := range s.Settled(t).Config.Members() {
					members = append(members, m.Host)
				}
				slices.Sort(members)
				return members
			},
			Slow: true,
			Reset: func() {
				v := s.Settled(t)
				for _, m := range there.Members() {
					if _, in := v.Config.Member(m.Host); in {
						continue
					}
					if err := s.Deps.Mongo.Install(t.Context(), v.Config, v.Config.Plus(m.ID, m.Host, nil)); err != nil {
						t.Fatal(err)
					}
					v = s.Settled(t)
				}
			},
		}, func() phase.Phase { return p })
	})
}
