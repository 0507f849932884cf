package members_test

import (
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members/memberstest"
	"cutover.dev/cutover/pkg/replset/replsim"
)

// The link is cut about when the primary is asked, so that it cannot hand over and new elects somebody by itself some time later. The
// attempts may end before or after that, but not with a no once a new member has won.
func TestTheToolDoesNotGoBackOnceANewMemberHasWon(t *testing.T) {
	ends := map[bool]int{}
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
			if ends[err == nil]++; err != nil && won != "" {
				t.Errorf("seed %d: %s is primary, and after %s the tool says %v", seed, won, time.Since(began), err)
			}
			t.Log(seed, time.Since(began), won, err)
		})
	}
	t.Logf("%d times it arrived", ends[true])
}
