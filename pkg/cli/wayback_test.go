package cli

import (
	"bytes"
	"errors"
	"testing"

	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/plan"
)

// A run that failed names the command to go back, and one that went back has no way back of its own.
func TestAPlanAndARunThatIsDoneSayWhatGoingBackCosts(t *testing.T) {
	failed := errors.New("failed")
	for _, c := range []struct {
		verb string
		err  error
		want string
	}{{"plan", nil, "roll back routes"}, {"plan", failed, "roll back routes"}, {"apply", nil, "roll back routes"}, {"apply", failed, ""}, {"rollback", nil, ""}} {
		s := &session{
			call: &call{verb: verb{Name: c.verb}, stderr: &bytes.Buffer{}}, plan: &plan.Plan{},
			stops: []itinerary.Stop{{Name: "routes", State: itinerary.StateNext}},
		}
		if d := s.outcome("routes").document(c.err); d.WayBack != c.want {
			t.Errorf("%s, %v: the way back is %q, want %q", c.verb, c.err, d.WayBack, c.want)
		}
	}
}
