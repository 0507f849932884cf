package ttl

import (
	"strconv"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// Caches hold what was served after somebody raised it for that long from then on, whatever was known of the time before.
func TestATTLThatWasRaisedAgainIsWaitedForFromThen(t *testing.T) {
	w := namestest.Start(t, namestest.Old, namestest.Hosts...)
	store := &journal.Memory{}
	lower := func() (before time.Duration, seen time.Time) {
		t.Helper()
		e := &engine.Engine{Store: store, Run: "test", Poll: 20 * time.Millisecond}
		if _, err := e.Apply(t.Context(), namestest.Ungated(New(w.Deps)), engine.Options{Repair: true}); err != nil {
			t.Fatal(err)
		}
		log, err := journal.Open(t.Context(), store, "test")
		if err != nil {
			t.Fatal(err)
		}
		for key, into := range map[string]any{names.BeforeFact + zonetest.Zone: &before, names.SeenFact + zonetest.Zone: &seen} {
			if known, err := log.Fact(key, into); !known || err != nil {
				t.Fatal(key, known, err)
			}
		}
		return before, seen
	}
	first, seen := lower()
	for _, again := range []time.Duration{2 * time.Minute, 48 * time.Hour} { // less than is still held, and more
		raised := time.Now()
		w.Primary.Update(zonetest.Zone, "web.shop.test. A", "web.shop.test. "+strconv.Itoa(int(again.Seconds()))+" IN A 203.0.113.10")
		for w.Secondary.Serial(zonetest.Zone) != w.Primary.Serial(zonetest.Zone) {
			w.Turn()
		}
		before, at := lower()
		if at.Before(raised) {
			t.Errorf("raised to %s at %s, seen lowered at %s", again, raised, at)
		}
		if earlier := seen.Add(first); before < again || at.Add(before).Before(earlier) {
			t.Errorf("raised to %s: ripe %s after %s, and what was served before it at %s", again, before, at, earlier)
		}
		if again > first && before != again {
			t.Errorf("raised to %s: %s is waited for", again, before)
		}
		first, seen = before, at
	}
}
