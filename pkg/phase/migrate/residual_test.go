package migrate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// found is what earlier jobs found out.
type found = phasetest.Facts

// oldEntry plays old's public entry and its counters, by Service.
type oldEntry struct {
	count map[string]*atomic.Int64
	blind atomic.Bool // counts nothing of what is asked
}

func (e *oldEntry) serve(t *testing.T, m wave) {
	t.Helper()
	e.count = map[string]*atomic.Int64{"web": {}, "cart": {}, "api": {}}
	m.Plan.Spec.Tail = nil
	m.Plan.Spec.Windows.Residual = plan.Duration(time.Hour)
	m.Plan.Spec.Entry.Old.Addresses = []string{"127.0.0.1"}
	m.Plan.Spec.Entry.Old.HTTPPort = phasetest.Listen(t, func(_ http.ResponseWriter, r *http.Request) {
		service := strings.Trim(r.URL.Path, "/")
		if service == "" {
			service = "web"
		}
		if c := e.count[service]; c != nil && !e.blind.Load() {
			c.Add(1)
		}
	})
	m.Plan.Spec.Entry.OldMetrics = &plan.Metrics{Kind: "nginx", Port: phasetest.Listen(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "# TYPE nginx_ingress_controller_requests counter")
		for service, n := range e.count {
			_, _ = fmt.Fprintf(w, "nginx_ingress_controller_requests{namespace=\"shop\",service=%q} %d\n", service, n.Load())
		}
	})}
}

func see(t *testing.T, s phase.Step, want phase.State) phase.Observation {
	t.Helper()
	o, err := s.Observe(t.Context())
	if err != nil || o.State != want {
		t.Fatalf("%s is %s: %s (%v), want %s", s.ID, o.State, o.Detail, err, want)
	}
	return o
}

func TestOldEndsOnlyWhenNobodyCameForTheWholeWindow(t *testing.T) {
	m, past := testWave(t), found{}
	e := &oldEntry{}
	e.serve(t, m)
	units := m.levels([]plan.Ref{web, cart, api})
	r, off := m.residual("shop", append(units[0], units[len(units)-1]...), past), false
	r.off = func(context.Context) bool { return off }
	steps := r.steps()
	count, quiet := steps[0], steps[1]
	see(t, quiet, phase.Settling) // nothing was read yet
	past.Learn(see(t, count, phase.Done))
	if e.count["api"].Load() == 0 {
		t.Error("nobody saw that the counters count")
	}
	if o := see(t, quiet, phase.Settling); o.NotBefore.IsZero() {
		t.Errorf("an hour is waited for in the job: %s", o.Detail)
	}
	over := func(service string) reading {
		key := fact(ingress.Name{Namespace: "shop", Name: service})
		var r reading
		if known, err := past.Fact(key, &r); err != nil || !known {
			t.Fatalf("there is no fact %s: %v", key, err)
		}
		past[key] = reading{At: r.At.Add(-time.Hour), Totals: r.Totals}
		return r
	}
	for service := range e.count {
		over(service)
	}
	past.Learn(see(t, quiet, phase.Done))

	e.count["cart"].Add(3)
	o := see(t, quiet, phase.Settling)
	if o.NotBefore.Before(time.Now().Add(50*time.Minute)) || !strings.Contains(o.Detail, "shop/cart: 3 requests") {
		t.Errorf("not before %s: %s", o.NotBefore, o.Detail)
	}
	past.Learn(see(t, count, phase.Done))
	if now, was := over("cart"), over("web"); time.Since(now.At) > time.Minute || time.Since(was.At) < time.Hour {
		t.Errorf("cart, for which somebody came, is read at %s, and web at %s", now.At, was.At)
	}
	see(t, quiet, phase.Done)

	e.count["api"].Store(0)
	if o := see(t, quiet, phase.Settling); o.NotBefore.IsZero() || !strings.Contains(o.Detail, "started again") {
		t.Errorf("it says %q", o.Detail)
	}
	off = true // a stretch that was cut off with old at 0 is not held up
	see(t, quiet, phase.Done)
}

func TestWhoComesToOldsEntryIsNotKnownWithoutCountersThatSeeARequest(t *testing.T) {
	t.Parallel()
	m := testWave(t)
	e := &oldEntry{}
	e.serve(t, m)
	levels := m.levels([]plan.Ref{web})
	r := m.residual("web", levels[0], found{})
	r.off = func(context.Context) bool { return false }
	steps := r.steps()
	see(t, m.measurable(levels)[0], phase.Done)
	e.count["web"].Store(7)
	e.blind.Store(true)
	if o, err := steps[0].Observe(t.Context()); fault.CodeOf(err) != fault.Unsure || !strings.Contains(err.Error(), "shop/web") {
		t.Errorf("counters that do not see our own request: %s %s (%v)", o.State, o.Detail, err)
	}
	m.Plan.Spec.Entry.OldMetrics = nil
	for _, s := range append(steps, m.measurable(levels)...) {
		o, err := s.Observe(t.Context())
		if hints := strings.Join(fault.Hints(err), " "); fault.CodeOf(err) != fault.Unsure || !strings.Contains(hints, "spec.tail") || !strings.Contains(hints, "oldMetrics") {
			t.Errorf("%s without counters: %s %s (%v; %s)", s.ID, o.State, o.Detail, err, hints)
		}
	}
}
