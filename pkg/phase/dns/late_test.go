package dns

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// entry counts at old's entry for the hosts of a world; status is what it answers with.
func entry(t *testing.T, w *namestest.World, status int) {
	t.Helper()
	number := phasetest.Listen(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, "# TYPE traefik_service_requests_total counter\ntraefik_service_requests_total{service=\"shop-web-80@kubernetes\"} 7\n")
	})
	w.Deps.Plan.Spec.Entry.OldMetrics = &plan.Metrics{Addresses: []string{"127.0.0.1"}, Port: number, Kind: "traefik"}
	w.Deps.Inventory.Ingresses[0].Object.Namespace = "shop"
	w.Deps.Inventory.Services = []inventory.Service{{Name: ingress.Name{Namespace: "shop", Name: "web"}, Ports: []inventory.Port{{Number: 80}}}}
}

// left is what the phase left of the swap and of the count.
func left(t *testing.T, store journal.Store) (swapped time.Time, counted names.Counted, known bool) {
	t.Helper()
	log, err := journal.Open(t.Context(), store, "test")
	if err == nil {
		_, err = log.Fact(names.SwappedFact+zonetest.Zone, &swapped)
	}
	if err == nil {
		known, err = log.Fact(names.LateFact+zonetest.Zone, &counted)
	}
	if err != nil {
		t.Fatal(err)
	}
	return swapped, counted, known
}

// What honest caches lead to old between the swap and the end of their TTL is no late client's.
func TestWhoComesLateIsCountedFromTheEndOfTheOldTTLOn(t *testing.T) {
	for about, c := range map[string]struct {
		rehearsal       bool
		least, most     time.Duration // after the swap
		status, counted int
	}{
		"once the old TTL has run out":           {least: 2 * time.Second, most: time.Minute, status: http.StatusOK, counted: 7},
		"in a rehearsal, which waits for none":   {rehearsal: true, most: 2 * time.Second, status: http.StatusOK, counted: 7},
		"nobody could count, and it swaps alike": {status: http.StatusBadGateway},
	} {
		t.Run(about, func(t *testing.T) {
			w := soon(t)
			entry(t, w, c.status)
			w.Deps.Now = c.rehearsal
			store := lowered(t, 0, time.Now().Add(-time.Minute))
			if _, err := run(t, w, store); err != nil {
				t.Fatal(err)
			}
			swapped, counted, known := left(t, store)
			total := 0.0
			for _, totals := range counted.Totals {
				total += totals["shop/web"]
			}
			if !known || total != float64(c.counted) {
				t.Errorf("%v counted: %v", counted, known)
			}
			if after := counted.At.Sub(swapped); c.counted > 0 && (after < c.least || after > c.most) {
				t.Errorf("counted %s after the swap", after)
			}
		})
	}
}
