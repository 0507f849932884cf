package dns

import (
	"context"
	"errors"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// A process dies after it swapped the names, before all name servers have them. The next one finds the new records there, and old
// answers in caches, as they may be: it swaps nothing twice, and does not take the cache for somebody else's zone.
func TestWhoComesAfterOneThatDiedInTheSwapIsNotRefusedForOldAnswers(t *testing.T) {
	w := hasty(namestest.StartDeaf(t, namestest.Old, namestest.Hosts...))
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(30 * time.Second)
	cache := zonetest.Start(t, zonetest.Knot, namestest.Old, zonetest.Options{})
	w.Deps.Plan.Spec.DNS.Resolvers = []string{cache.Addr}
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	process := func(hear func(engine.Event, context.CancelFunc)) error {
		return phasetest.Mortal(t, store, namestest.Ungated(New(w.Deps)), hear)
	}
	err := process(func(e engine.Event, die context.CancelFunc) {
		if e.What == engine.Waiting && w.Writes() > 0 {
			die()
		}
	})
	if !errors.Is(err, engine.ErrStopped) {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); w.Secondary.Serial(zonetest.Zone) != w.Primary.Serial(zonetest.Zone); w.Turn() {
		if time.Now().After(end) {
			t.Fatal("the second name server does not get the zone")
		}
		w.Secondary.Notify(zonetest.Zone)
	}
	err = process(func(engine.Event, context.CancelFunc) {})
	if n := w.Writes(); err != nil || n != 1 {
		t.Errorf("%d writes, %v", n, err)
	}
}
