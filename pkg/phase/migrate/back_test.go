package migrate

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// bridged plays new's entry after the way back: every answer carries the bridge's marker, and the first ones bad as status.
func bridged(t *testing.T, m wave, first int64, bad int) *atomic.Int64 {
	t.Helper()
	asked := &atomic.Int64{}
	n := phasetest.Listen(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Cutover-Via", m.Plan.Spec.Bridge.Marker)
		if asked.Add(1) <= first {
			w.WriteHeader(bad)
		}
	})
	m.Plan.Spec.Entry.New = plan.Entry{Addresses: []string{"127.0.0.1"}, IngressClass: "main", HTTPPort: n}
	m.Plan.Spec.Probe.Rate = 1000
	return asked
}

func TestABridgeThatFindsNobodyInOldIsNoAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		past found
		want string
	}{
		"an outage":            {found{}, "5 wrong"},
		"what it always says":  {found{"migrate.baseline/" + api.String(): map[string]normalOf{"shop.test/api": {Status: []int{200, 503}}}}, "0 wrong"},
		"another error before": {found{"migrate.baseline/" + api.String(): map[string]normalOf{"shop.test/api": {Status: []int{500}}}}, "5 wrong"},
	} {
		m := testWave(t)
		bridged(t, m, 5, http.StatusServiceUnavailable)
		o, err := m.backOnBridge(t.Context(), m.levels([]plan.Ref{api})[0][0], c.past, nil)
		if err != nil || o.State != phase.Done || !strings.Contains(o.Detail, c.want) {
			t.Errorf("%s: %s: %s (%v), want %s", name, o.State, o.Detail, err, c.want)
		}
	}
}

func TestWhoseOldIsUpAgainAsksNewOnlyWhileThereIsOne(t *testing.T) {
	up := func(context.Context, json.RawMessage) (phase.Observation, error) {
		return phase.Observation{State: phase.Done, Detail: "as before, and ready"}, nil
	}
	for _, gone := range []bool{false, true} {
		m := testWave(t)
		m.NewGone = gone
		asked := bridged(t, m, 0, http.StatusOK)
		o, err := m.answeredAgain(m.levels([]plan.Ref{api})[0][0], noFacts{}, up)(t.Context(), nil)
		if err != nil || o.State != phase.Done || (asked.Load() == 0) != gone {
			t.Errorf("new gone: %t, asked %d times: %s: %s (%v)", gone, asked.Load(), o.State, o.Detail, err)
		}
	}
}
