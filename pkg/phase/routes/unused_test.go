package routes

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// counting is a bridge whose controller counts, and the gate that reads it.
func counting(t *testing.T, window time.Duration) (*atomic.Int64, Deps) {
	t.Helper()
	var came atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "# TYPE traefik_service_requests_total counter\ntraefik_service_requests_total{service=\"shop-web-80@kubernetes\"} %d\n", came.Load())
	}))
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	number, _ := strconv.Atoi(port)
	p := &plan.Plan{}
	p.Spec.Bridge = plan.Bridge{Addresses: []string{"127.0.0.1"}, Port: 80, Metrics: &plan.Metrics{Kind: "traefik", Port: number}}
	p.Spec.Windows.Watch = plan.Duration(window)
	inv := &inventory.Inventory{Services: []inventory.Service{{Name: ingress.Name{Namespace: "shop", Name: "web"}, Ports: []inventory.Port{{Number: 80}}}}}
	return &came, Deps{Plan: p, Inventory: inv}
}

func look(t *testing.T, s phase.Step) phase.Observation {
	t.Helper()
	o, err := s.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestIngressesOfNewStayWhileSomebodyComes(t *testing.T) {
	came, d := counting(t, time.Nanosecond)
	came.Store(7) // of before
	s := unused(d)
	if o := look(t, s); o.State == phase.Done {
		t.Errorf("one look shows nothing, and it says %s", o.Detail)
	}
	came.Add(2)
	if o := look(t, s); o.State != phase.Settling || !strings.Contains(o.Detail, "2 requests came to new's entry") {
		t.Errorf("%s %s", o.State, o.Detail)
	}
	time.Sleep(time.Millisecond) // longer than the window
	if o := look(t, s); o.State != phase.Done {
		t.Errorf("%s %s", o.State, o.Detail)
	}
	came.Store(1)
	if o := look(t, s); o.State == phase.Done {
		t.Errorf("the counter started again, and it says %s", o.Detail)
	}
	d.NewGone = true
	if o := look(t, unused(d)); o.State != phase.Done {
		t.Errorf("nobody can come to what is gone: %s", o.Detail)
	}
	d.NewGone, d.Plan.Spec.Bridge.Metrics.Port = false, 1
	if o, err := unused(d).Observe(t.Context()); err == nil {
		t.Errorf("nothing was read, and it says %s %s", o.State, o.Detail)
	}
	d.Plan.Spec.Bridge.Metrics = nil
	if o := look(t, unused(d)); o.State != phase.Done || !strings.Contains(o.Detail, "no bridge.metrics") {
		t.Errorf("%s %s", o.State, o.Detail)
	}
}

// Who goes on coming is waited for by a later job, and who is just leaving by this one.
func TestWhoGoesOnComingIsWaitedForOutsideOfTheJob(t *testing.T) {
	begun := time.Now()
	u := &use{window: 10 * time.Second, begun: begun, since: begun}
	for _, c := range []struct {
		after time.Duration
		came  float64
		state phase.State
		later bool
	}{
		{5 * time.Second, 0, phase.Settling, false},
		{6 * time.Second, 3, phase.Settling, false},
		{15 * time.Second, 0, phase.Settling, false},
		{16 * time.Second, 0, phase.Done, false},
		{39 * time.Second, 1, phase.Settling, false},
		{40 * time.Second, 0, phase.Settling, true},
	} {
		now := begun.Add(c.after)
		if c.came > 0 {
			u.since = now
		}
		if o := u.judge(now, c.came); o.State != c.state || o.NotBefore.After(now) != c.later {
			t.Errorf("after %s: %s, not before %s: %s", c.after, o.State, o.NotBefore, o.Detail)
		}
	}
}
