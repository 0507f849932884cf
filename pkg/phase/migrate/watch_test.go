package migrate

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// arrived is a wave whose entry of new answers, until it turns, as the baseline in the facts says.
func arrived(t *testing.T, turned http.HandlerFunc) (m wave, u unit, past found, turn *atomic.Bool) {
	t.Helper()
	turn = &atomic.Bool{}
	n := phasetest.Listen(t, func(w http.ResponseWriter, r *http.Request) {
		if turn.Load() {
			turned(w, r)
		}
	})
	m = testWave(t)
	m.Plan.Spec.Entry.New = plan.Entry{Addresses: []string{"127.0.0.1"}, IngressClass: "main", HTTPPort: n}
	m.Plan.Spec.Probe = plan.Probe{Rate: 500, Samples: 5, Latency: 100, MaxLost: new(int), MaxErrorRate: new(plan.Percent)}
	m.Plan.Spec.Windows.Watch = plan.Duration(100 * time.Millisecond)
	return m, m.levels([]plan.Ref{api})[0][0], found{"migrate.baseline/" + api.String(): map[string]normalOf{"shop.test/api": {Status: []int{200}}}}, turn
}

// What a swap can do wrong without an error of the server: a controller that lost the route, one that went back to the
// bridge, an application that sends people elsewhere.
func TestTheWatchWindowHoldsAnswersAgainstWhatTheyWereBefore(t *testing.T) {
	for name, turned := range map[string]http.HandlerFunc{
		"no such route": http.NotFound,
		"sent elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.test/", http.StatusFound)
		},
		"by the bridge again": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Cutover-Via", "4f9c2a7e") },
	} {
		m, u, past, turn := arrived(t, turned)
		step := m.observeWindow(u, past)
		see(t, step, phase.Done)
		turn.Store(true)
		if o := see(t, step, phase.Failed); !strings.Contains(o.Detail, "answers wrong") {
			t.Errorf("%s: %s", name, o.Detail)
		}
	}
}

func TestTheLaneEndsItsWatchWhenAPathAnswersTwiceAsItDidNotBefore(t *testing.T) {
	m, u, past, turn := arrived(t, http.NotFound)
	limit, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	ctx, cancel := context.WithCancelCause(limit)
	defer cancel(nil)
	turn.Store(true)
	m.patrol(ctx, u, past, cancel)
	if err := context.Cause(ctx); err == nil || !strings.Contains(err.Error(), "answered badly twice in a row") {
		t.Errorf("the watch went on, or ended with %v", err)
	}
}
