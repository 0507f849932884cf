package members_test

import (
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members/memberstest"
	"cutover.dev/cutover/pkg/replset/replsim"
)

// The link is cut about when the primary is asked, so that it cannot hand over and new elects somebody by itself some time later. The
// attempts may end before or after that, but not with a no once a new member has won. In the third one nobody is asked to step down,
// since it finds the new members behind: who arrives after two has looked once more.
func TestTheToolDoesNotGoBackOnceANewMemberHasWon(t *testing.T) {
	late := 0
	for seed := range uint64(4) {
		stepping(t, seed, func(t *testing.T, s *memberstest.Set, step phase.Step) {
			stepDowns(s, func(n int, primary string, sim *replsim.Sim) *replsim.Error {
				switch n {
				case 0:
					behind(sim, primary, s.New, 4*time.Second)
				case 1:
					s.Part(sim, true)
					memberstest.Write(sim, primary)
				}
				return nil
			})
			began := time.Now()
			err := step.Apply(t.Context())
			won := s.Won()
			if err == nil && len(s.Asked("replSetStepDown")) == 2 {
				late++
			}
			if err != nil && won != "" {
				t.Errorf("seed %d: %s is primary, and after %s the tool says %v", seed, won, time.Since(began), err)
			}
			t.Log(seed, time.Since(began), won, err)
		})
	}
	if late == 0 {
		t.Error("no new member won just as the attempts were over, so nothing was shown")
	}
}
