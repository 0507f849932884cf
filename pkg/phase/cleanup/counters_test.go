package cleanup

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

func TestLateClientsOfOldsEntryAreCountedWhereverTheyAreLed(t *testing.T) {
	var late atomic.Int64
	p := &plan.Plan{}
	p.Spec.Namespaces = []string{"shop"}
	p.Spec.Tail = &plan.Tail{Addresses: []string{"192.0.2.3"}, Port: 8080}
	p.Spec.Entry.Old.Addresses = []string{"127.0.0.1"}
	p.Spec.Entry.OldMetrics = &plan.Metrics{Kind: "envoy", Port: phasetest.Listen(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stats/prometheus" {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, "# TYPE envoy_cluster_upstream_rq_total counter\nenvoy_cluster_upstream_rq_total{envoy_cluster_name=\"shop_cutover-tail_80\"} %d\n", late.Load())
	})}
	p.Spec.Windows.Residual = plan.Duration(time.Hour)
	d, found := Deps{Plan: p, Inventory: frozen("shop")}, past{}
	see(t, unvisited(d, found), phase.Failed) // no evidence is a no
	lane := quiet(d, found)
	seen := see(t, lane[0], phase.Done)
	if !strings.Contains(seen.Detail, "no bridge.metrics") || strings.Contains(seen.Detail, "no entry.oldMetrics") {
		t.Errorf("it says %q", seen.Detail)
	}
	found[countFact] = seen.Facts[countFact]
	see(t, unvisited(d, found), phase.Done)
	see(t, lane[1], phase.Settling)
	late.Store(2)
	for _, s := range []phase.Step{lane[1], unvisited(d, found)} {
		if o := see(t, s, phase.Failed); !strings.Contains(o.Detail, "2 requests came") {
			t.Errorf("%s says %q", s.ID, o.Detail)
		}
	}
	found[goingFact] = true // its counters go as well
	see(t, unvisited(d, found), phase.Done)
}

// Controllers drop the counters of a Service that nothing leads to any more.
func TestWhatKeepsTheCountersOfOldsEntryGoesAfterTheyWereRead(t *testing.T) {
	d := Deps{Plan: &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}, Inventory: frozen("shop"), Old: &kube.Cluster{}, New: &kube.Cluster{}}
	d.Plan.Spec.Namespaces = []string{"shop"}
	d.Plan.Spec.Tail = &plan.Tail{Addresses: []string{"192.0.2.3"}, Port: 8080}
	for _, delete := range [][]string{nil, {"Service"}, {"Ingress"}} {
		d.Plan.Spec.Cleanup = &plan.Cleanup{Delete: delete}
		groups, err := New(d).Steps(t.Context(), past{})
		if err != nil {
			t.Fatal(err)
		}
		read, kept := -1, -1
		for i, g := range groups {
			if slices.ContainsFunc(g.Before, func(s phase.Step) bool { return s.ID == "prove:unvisited" }) {
				read = i
			}
			for _, l := range g.Lanes {
				if kept < 0 && strings.HasSuffix(l[0].ID, "/Ingress/"+parts.KeepName) {
					kept = i
				}
			}
		}
		if kept <= read || (read >= 0) != slices.Contains(delete, "Ingress") {
			t.Errorf("delete %v: read before group %d, no longer kept after group %d", delete, read, kept)
		}
	}
}

// As Traefik does it: the series of a Service that is led to no more is in one more answer.
func TestCountersThatTheBridgeIsAboutToDropAreNoRestart(t *testing.T) {
	var asked atomic.Int64
	p := &plan.Plan{}
	p.Spec.Bridge = plan.Bridge{Addresses: []string{"127.0.0.1"}, Metrics: &plan.Metrics{Kind: "traefik", Port: phasetest.Listen(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "# TYPE traefik_service_requests_total counter\ntraefik_service_requests_total{service=\"other-other-80@kubernetes\"} 3\n")
		if asked.Add(1) == 1 {
			_, _ = fmt.Fprint(w, "traefik_service_requests_total{service=\"shop-web-80@kubernetes\"} 7\n")
		}
	})}}
	p.Spec.Windows.Residual = plan.Duration(time.Hour)
	found := past{}
	lane := quiet(Deps{Plan: p, Inventory: frozen("shop")}, found)
	found[countFact] = see(t, lane[0], phase.Done).Facts[countFact]
	see(t, lane[1], phase.Settling)
}

func TestARouteThatIsAnsweredThroughTheBridgeHasNotMoved(t *testing.T) {
	var local atomic.Bool
	p := &plan.Plan{}
	p.Spec.Bridge.Marker = "4f9c2a7e"
	p.Spec.Probe.Rate = 1000
	p.Spec.Entry.New = plan.Entry{Addresses: []string{"127.0.0.1"}, HTTPPort: phasetest.Listen(t, func(w http.ResponseWriter, _ *http.Request) {
		if !local.Load() {
			w.Header().Set("X-Cutover-Via", p.Spec.Bridge.Marker)
		}
	})}
	d := Deps{Plan: p, Inventory: frozen("shop")}
	if o := see(t, asked(d)[0], phase.Settling); !strings.Contains(o.Detail, "through the bridge") {
		t.Errorf("it says %q", o.Detail)
	}
	local.Store(true)
	see(t, asked(d)[0], phase.Done)
	d.Inventory.Ingresses = nil
	see(t, asked(d)[0], phase.Failed) // nothing was asked
}
