package members_test

import (
	"slices"
	"testing"

	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/members/memberstest"
)

// From wherever the way there was left, before and after the primary moved, the way back ends at what was first, but for version and
// term, with an old primary.
func TestTheWayBackFromEveryPositionRestoresWhatWasFirst(t *testing.T) {
	for _, shape := range [][2]int{{3, 3}, {1, 2}, {2, 1}, {1, 1}} {
		for left, all := 1, 2; left < all; left++ {
			memberstest.Run(t, 1, shape[0], shape[1], func(t *testing.T, s *memberstest.Set) {
				there, back := roads(t, s)
				s.Go(t, there, left)
				at := there.Way.Positions()[left]
				before := s.Settled(t).Primary
				s.Go(t, back, len(back.Way.Positions())-1)
				v := s.Settled(t)
				if !v.Config.Same(s.First) || !slices.Contains(s.Old, v.Primary) {
					t.Errorf("back from %s it is %v, primary %s", at.ID, v.Config, v.Primary)
				}
				if moved := slices.Contains(s.New, before); moved != (len(s.Asked("replSetStepDown")) == 2) {
					t.Errorf("back from %s, where %s was primary, there were %d step-downs", at.ID, before, len(s.Asked("replSetStepDown")))
				}
				all = len(there.Way.Positions())
			})
		}
	}
}

// Each step is taken back by itself too, as when the lane that it is in fails.
func TestEachStepIsTakenBackToBeforeIt(t *testing.T) {
	memberstest.Run(t, 1, 3, 3, func(t *testing.T, s *memberstest.Set) {
		there, _ := roads(t, s)
		for i := 1; i < len(there.Way.Positions()); i++ {
			s.Go(t, there, i)
			step := there.Steps(i, i+1)[0]
			if err := step.Revert(t.Context(), nil); err != nil {
				t.Errorf("%s: %v", step.ID, err)
			}
			v := s.Settled(t)
			at, err := there.Way.At(v.Live())
			if err != nil || at >= i {
				t.Errorf("%s was taken back, and the set is at %s (%v)", step.ID, there.Way.Positions()[at].ID, err)
			}
		}
	})
}

func roads(t *testing.T, s *memberstest.Set) (there, back *members.Road) {
	t.Helper()
	there, err := members.Ahead(s.Deps, s.Goal)
	if err != nil {
		t.Fatal(err)
	}
	if back, err = members.Back(s.Deps, s.Goal); err != nil {
		t.Fatal(err)
	}
	return there, back
}
