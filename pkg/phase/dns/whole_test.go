package dns

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// wired puts a wire before the primary, for the editor alone.
func wired(t *testing.T, w *namestest.World, wire *zonetest.Wire) {
	t.Helper()
	wire.Lay(t, "127.0.0.1", w.Primary)
	w.Deps.Zones[0].Editor = rfc2136.New(zonetest.Zone, wire.Addr, zonetest.Key, zonetest.Algorithm, w.Primary.Secret)
}

// at lets something happen the n-th time.
func at(n int, happen func() bool) func() bool {
	return func() bool {
		n--
		return n == 0 && happen()
	}
}

// differ lists the records that are in one of two contents alone.
func differ(a, b []string) []string {
	in := func(all []string) func(string) bool { return func(s string) bool { return slices.Contains(all, s) } }
	return slices.Concat(slices.DeleteFunc(slices.Clone(a), in(b)), slices.DeleteFunc(slices.Clone(b), in(a)))
}

// All names travel in one message: of one that somebody took meanwhile, none of them moves.
func TestWhoWritesInTheLastMomentIsNotOverwrittenAndNoNameMoves(t *testing.T) {
	w := soon(t)
	was := w.Primary.Content()
	wired(t, w, &zonetest.Wire{Asked: at(1, func() bool {
		w.Primary.Update(zonetest.Zone, "svc.shop.test. A", "svc.shop.test. 300 IN A 192.0.2.99")
		return false
	})})
	r, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	if !errors.Is(err, engine.ErrNo) || !r.Begun || !strings.Contains(err.Error(), "svc.shop.test does not lead to the entry of old but to 192.0.2.99") {
		t.Errorf("begun %v, %v", r.Begun, err)
	}
	if d := differ(was, w.Primary.Content()); len(d) != 2 || w.Writes() != 1 {
		t.Errorf("after %d writes, one by somebody else: %q", w.Writes(), d)
	}
}

// What was written and not heard of is found, in this process: nothing is written twice.
func TestAnUpdateWhoseAnswerIsLostIsFoundDone(t *testing.T) {
	w := soon(t)
	w.Deps.Plan.Spec.Windows.Zones, w.Deps.Now = plan.Duration(20*time.Second), true
	wired(t, w, &zonetest.Wire{Answered: at(1, func() bool { return true })})
	if _, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute))); err != nil || w.Writes() != 1 {
		t.Errorf("%d writes, %v", w.Writes(), err)
	}
}

// What did not get through was not written, and says so: the next run does it.
func TestAnUpdateThatDoesNotGetThroughChangesNothing(t *testing.T) {
	w := soon(t)
	w.Deps.Plan.Spec.Windows.Zones, w.Deps.Now = plan.Duration(20*time.Second), true
	wire := &zonetest.Wire{Asked: at(1, func() bool { return true })}
	wired(t, w, wire)
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	r, err := run(t, w, store)
	if err == nil || !r.Begun || !strings.Contains(err.Error(), "change 5 names in zone shop.test: ask "+wire.Addr) {
		t.Errorf("begun %v, %v", r.Begun, err)
	}
	unchanged(t, w)
	if _, err := run(t, w, store); err != nil || w.Writes() != 1 {
		t.Errorf("the next run: %d writes, %v", w.Writes(), err)
	}
}

// 500 names of two families are two messages. If the second one is refused, each name is still wholly here or there, the first
// half is told, and the way back is open.
func TestAHalfThatIsRefusedLeavesEveryNameWhole(t *testing.T) {
	var records strings.Builder
	var hosts []string
	for i := range 500 {
		fmt.Fprintf(&records, "host%03d 60 IN A 203.0.113.10\nhost%03[1]d 60 IN AAAA 2001:db8::10\n", i)
		hosts = append(hosts, fmt.Sprintf("host%03d.shop.test", i))
	}
	w := hasty(namestest.Start(t, zonetest.Records(records.String()), hosts...))
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(time.Minute)
	was := w.Primary.Content()
	wired(t, w, &zonetest.Wire{Asked: at(2, func() bool {
		w.Primary.Update(zonetest.Zone, "host499.shop.test. A", "host499.shop.test. 60 IN A 192.0.2.99")
		return false
	})})
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	r, err := run(t, w, store)
	if err == nil || errors.Is(err, phase.ErrMoved) || !r.Begun || !strings.Contains(err.Error(), "after 250 of 500 names were changed") {
		t.Fatalf("begun %v, %v", r.Begun, err)
	}
	text := strings.Join(w.Primary.Content(), "\n")
	if a, four, six := strings.Count(text, "\tA\t198.51.100.20"), strings.Count(text, "\tA\t203.0.113.10"), strings.Count(text, "\tAAAA\t"); a != 250 || four != 249 || six != 250 {
		t.Errorf("%d names lead to new, %d to old, %d have an address of IPv6", a, four, six)
	}
	back := &engine.Engine{Store: store, Run: "test", Poll: 20 * time.Millisecond}
	_, err = back.Rollback(t.Context(), namestest.Ungated(New(w.Deps)))
	if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "host499.shop.test was changed by somebody else since the swap") {
		t.Errorf("the way back over what somebody else wrote: %v", err)
	}
	w.Primary.Update(zonetest.Zone, "host499.shop.test. A", "host499.shop.test. 60 IN A 203.0.113.10")
	w.Deps.Now = true
	if _, err = back.Rollback(t.Context(), namestest.Ungated(New(w.Deps))); err != nil {
		t.Fatalf("the way back: %v", err)
	}
	if d := differ(was, w.Primary.Content()); len(d) > 0 {
		t.Errorf("after the way back: %q", d)
	}
}

// What a secondary has not got yet may be older than anybody knows of: nothing goes on top of it.
func TestNothingIsSwappedWhileASecondaryServesWhatWasBefore(t *testing.T) {
	w := hasty(namestest.StartDeaf(t, namestest.Old, namestest.Hosts...))
	w.Primary.Update(zonetest.Zone, "svc.shop.test. A", "svc.shop.test. 30 IN A 203.0.113.10")
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	r, err := run(t, w, store)
	const stale = "svc.shop.test: A 203.0.113.10 (TTL 600)"
	if !errors.Is(err, engine.ErrNo) || r.Begun || !strings.Contains(err.Error(), w.Secondary.Addr+", serial 1, serves "+stale) {
		t.Errorf("begun %v, %v", r.Begun, err)
	}
	if w.Writes() != 1 {
		t.Errorf("%d writes, one by somebody else", w.Writes())
	}
}
