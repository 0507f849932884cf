package routes

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// counting is a bridge whose controller counts, behind an entry of new that leads to it, and the plan of both.
type counting struct {
	came  atomic.Int64 // requests of clients
	ours  atomic.Int64 // requests for the keeper host
	blind atomic.Bool  // it counts none of ours
	Deps
}

func counts(t *testing.T, window time.Duration) *counting {
	t.Helper()
	c := &counting{}
	metrics := phasetest.Listen(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "# TYPE traefik_service_requests_total counter\n")
		for service, n := range map[string]int64{"shop-web-80": c.came.Load(), "shop-cutover-echo-http": c.ours.Load()} {
			if n > 0 { // it shows what it has counted, and nothing else
				_, _ = fmt.Fprintf(w, "traefik_service_requests_total{service=\"%s@kubernetes\"} %d\n", service, n)
			}
		}
	})
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces = []string{"shop"}
	p.Spec.Bridge = plan.Bridge{Addresses: []string{"127.0.0.1"}, Port: 80, Marker: "4f9c2a7e", Metrics: &plan.Metrics{Kind: "traefik", Port: metrics}}
	p.Spec.Entry.New = plan.Entry{Addresses: []string{"127.0.0.1"}, HTTPPort: phasetest.Listen(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(ingress.ViaHeader, "4f9c2a7e")
		if !c.blind.Load() {
			c.ours.Add(1)
		}
	})}
	p.Spec.Windows.Watch = plan.Duration(window)
	inv := &inventory.Inventory{Services: []inventory.Service{{Name: ingress.Name{Namespace: "shop", Name: "web"}, Ports: []inventory.Port{{Number: 80}}}}}
	c.Deps = Deps{Plan: p, Inventory: inv}
	return c
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
	c := counts(t, time.Nanosecond)
	c.came.Store(7) // of before
	s := unused(c.Deps)
	if o := look(t, s); o.State == phase.Done {
		t.Errorf("one look shows nothing, and it says %s", o.Detail)
	}
	c.came.Add(2)
	if o := look(t, s); o.State != phase.Settling || !strings.Contains(o.Detail, "2 requests came to new's entry") {
		t.Errorf("%s %s", o.State, o.Detail)
	}
	c.came.Store(1)
	if o := look(t, s); o.State == phase.Done {
		t.Errorf("the counter started again, and it says %s", o.Detail)
	}
	if o := look(t, s); o.State != phase.Done {
		t.Errorf("%s %s", o.State, o.Detail)
	}
}

// Zero is no evidence where our own requests are not counted either, or do not even come so far.
func TestThatNobodyCameIsBelievedOnlyWhereOurOwnRequestsAreSeen(t *testing.T) {
	c := counts(t, time.Nanosecond)
	s := unused(c.Deps)
	if look(t, s); look(t, s).State != phase.Done { // nobody ever came, and it shows no counter but ours
		t.Error("nobody came, and it does not say so")
	}
	c.blind.Store(true)
	no := func(why string) {
		t.Helper()
		o, err := unused(c.Deps).Observe(t.Context())
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(strings.Join(fault.Hints(err), ""), without) {
			t.Errorf("it says %s %q, error %v, hints %q", o.State, o.Detail, err, fault.Hints(err))
		}
	}
	no("does not show that it counted them")
	c.Plan.Spec.Bridge.Marker = "another"
	no("does not lead our own requests to the bridge")
	c.Plan.Spec.Bridge.Metrics.Port = 1
	no("count who comes to new's entry")
	c.Plan.Spec.Bridge.Metrics = nil
	if o := look(t, unused(c.Deps)); o.State != phase.Done || !strings.Contains(o.Detail, "no bridge.metrics") {
		t.Errorf("%s %s", o.State, o.Detail)
	}
	c.NewGone = true
	if o := look(t, unused(c.Deps)); o.State != phase.Done || o.Detail != "new is gone" {
		t.Errorf("nobody can come to what is gone: %s %s", o.State, o.Detail)
	}
}

// Who goes on coming is waited for by a later job, and who is just leaving by this one.
func TestWhoGoesOnComingIsWaitedForOutsideOfTheJob(t *testing.T) {
	begun := time.Now()
	for _, c := range []struct {
		after, since time.Duration // after the gate was first asked: now, and the last time that somebody came
		came         float64
		anew         bool
		state        phase.State
		later        bool
		says         string
	}{
		{5 * time.Second, 0, 0, false, phase.Settling, false, "nobody came for 5s of 10s"},
		{15 * time.Second, 6 * time.Second, 3, false, phase.Settling, false, "3 requests came to new's entry within 15s"},
		{16 * time.Second, 6 * time.Second, 3, false, phase.Done, false, "nobody came for 10s of 10s"},
		{39 * time.Second, 39 * time.Second, 4, false, phase.Settling, false, without},
		{40 * time.Second, 39 * time.Second, 4, false, phase.Settling, true, without},
		{40 * time.Second, 39 * time.Second, 0, true, phase.Settling, true, "started again"},
		{50 * time.Second, 40 * time.Second, 9, true, phase.Done, false, "nobody came"},
	} {
		now := begun.Add(c.after)
		u := &use{window: 10 * time.Second, begun: begun, since: begun.Add(c.since), came: c.came, anew: c.anew}
		if o := u.judge(now); o.State != c.state || o.NotBefore.After(now) != c.later || !strings.Contains(o.Detail, c.says) {
			t.Errorf("after %s: %s, not before %s: %s", c.after, o.State, o.NotBefore, o.Detail)
		}
	}
}
