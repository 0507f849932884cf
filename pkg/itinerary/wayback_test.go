package itinerary_test

import (
	"testing"
	"time"

	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/plan"
)

func TestTheWayBackNamesWhatIsTakenBackAndWhatThatCosts(t *testing.T) {
	p := &plan.Plan{}
	p.Spec.DNS.TTL = plan.Duration(30 * time.Second)
	p.Spec.Waves = []plan.Wave{{Name: "web", Workloads: make([]plan.Workload, 3)}}
	stands := func(states ...string) (stops []itinerary.Stop) {
		for i, name := range []string{"proxy", "routes", "dns", "migrate/web", "stepdown", "cleanup"} {
			stops = append(stops, itinerary.Stop{Name: name, State: states[min(i, len(states)-1)]})
		}
		return stops
	}
	const done, next, later, open = itinerary.StateDone, itinerary.StateNext, itinerary.StateLater, itinerary.StateOpen
	for _, c := range []struct {
		name, want string
		stops      []itinerary.Stop
	}{
		{"routes", "roll back routes", stands(done, next, later)},
		{"dns", "roll back dns; dns waits for caches to forget new's address, 30s once every name server has old's", stands(done, done, next, later)},
		{"dns", "roll back migrate/web, then dns; migrate/web starts 3 of old's workloads again before clients are led there; dns waits for caches to forget new's address, 30s once every name server has old's", stands(done, done, done, open, later)},
		{"stepdown", "roll back stepdown; stepdown stops writes once more, while the primary moves back", stands(done, done, done, done, next, later)},
		{"cleanup", "none: what cleanup deletes can only be built again", stands(done, done, done, done, done, next)},
		{"routes", "none that is complete: cleanup has begun, and what it deletes can only be built again", stands(done, done, done, done, done, open)},
		{"link", "roll back dns, then routes, then proxy, then link; dns waits for caches to forget new's address, 30s once every name server has old's", stands(done, done, done, later)},
	} {
		if got := itinerary.WayBack(p, c.stops, c.name); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
