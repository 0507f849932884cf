package dns

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone/manual"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// A zone that a person changes: each way the run says what to change and ends, and the next one sees that it is there.
func TestAPersonIsToldWhatToChangeAndIsBelievedOnlyWhenItIsServed(t *testing.T) {
	w := soon(t)
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(20 * time.Second)
	w.Deps.Inventory.Ingresses[0].Object = namestest.Ingress("web.shop.test")
	w.Deps.Zones[0].Editor = &manual.Editor{Zone: zonetest.Zone, Servers: w.Deps.Zones[0].Servers}
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	told := func(err error, want string) {
		t.Helper()
		if _, waits := errors.AsType[*engine.NotBefore](err); !waits || !strings.Contains(err.Error(), "by hand") || !strings.Contains(err.Error(), want) {
			t.Fatalf("want to be told %q, got %v", want, err)
		}
	}
	change := func(lines ...string) {
		t.Helper()
		w.Primary.Update(zonetest.Zone, lines...)
		for w.Secondary.Serial(zonetest.Zone) != w.Primary.Serial(zonetest.Zone) {
			w.Turn()
		}
	}
	_, err := run(t, w, store)
	told(err, "+ web.shop.test 1 A 198.51.100.20")
	_, err = run(t, w, store)
	told(err, "- web.shop.test 3600 AAAA 2001:db8::10")
	unchanged(t, w)
	change("web.shop.test. A", "web.shop.test. AAAA", "web.shop.test. 1 IN A 198.51.100.20")
	if _, err = run(t, w, store); err != nil {
		t.Fatalf("after it was changed: %v", err)
	}
	back := &engine.Engine{Store: store, Run: "test", Poll: 20 * time.Millisecond}
	_, err = back.Rollback(t.Context(), namestest.Ungated(New(w.Deps)))
	told(err, "+ web.shop.test 3600 A 203.0.113.10")
	change("web.shop.test. A", "web.shop.test. 3600 IN A 203.0.113.10", "web.shop.test. 3600 IN AAAA 2001:db8::10")
	if _, err = back.Rollback(t.Context(), namestest.Ungated(New(w.Deps))); err != nil {
		t.Fatalf("after it was changed back: %v", err)
	}
}
