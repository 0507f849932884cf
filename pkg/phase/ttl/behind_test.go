package ttl

import (
	"context"
	"errors"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// A process dies after it changed the zone, before the secondary has it: the next one waits for that, and is not refused.
func TestWhoComesAfterADeadProcessWaitsForTheSecondary(t *testing.T) {
	w := namestest.StartDeaf(t, namestest.Old, namestest.Hosts...)
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(30 * time.Second)
	store := &journal.Memory{}
	run := func(hear func(engine.Event, context.CancelFunc)) error {
		return phasetest.Mortal(t, store, namestest.Ungated(New(w.Deps)), hear)
	}
	first := w.Primary.Serial(zonetest.Zone)
	err := run(func(e engine.Event, die context.CancelFunc) {
		if e.What == engine.Waiting && w.Primary.Serial(zonetest.Zone) != first {
			die()
		}
	})
	if !errors.Is(err, engine.ErrStopped) {
		t.Fatal(err)
	}
	err = run(func(e engine.Event, _ context.CancelFunc) {
		if e.What == engine.Waiting {
			w.Secondary.Notify(zonetest.Zone)
		}
	})
	if n := w.Writes(); err != nil || n != 1 {
		t.Errorf("%d writes, %v", n, err)
	}
}
