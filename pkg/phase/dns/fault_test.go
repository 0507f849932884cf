package dns

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// run applies the phase to the journal of a migration, as one process of the tool.
func run(t *testing.T, w *namestest.World, store journal.Store) (engine.Result, error) {
	t.Helper()
	e := &engine.Engine{Store: store, Run: "test", Poll: 20 * time.Millisecond}
	return e.Apply(t.Context(), namestest.Ungated(New(w.Deps)), engine.Options{})
}

// lowered is a journal in which the phase ttl has left its facts.
func lowered(t *testing.T, before time.Duration, seen time.Time) journal.Store {
	t.Helper()
	store := &journal.Memory{}
	e := &engine.Engine{Store: store, Run: "test", Poll: time.Millisecond}
	_, err := e.Apply(t.Context(), phase.Phase{Name: "ttl", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
		return []phase.Group{{Name: "lower", Lanes: []phase.Lane{{{
			ID: "ttl:shop.test", Title: "played", Limit: time.Second, Knob: "none", Observe: func(context.Context) (phase.Observation, error) {
				return phase.Observation{State: phase.Done, Detail: "played", Facts: map[string]any{
					names.BeforeFact + zonetest.Zone: before, names.SeenFact + zonetest.Zone: seen,
				}}, nil
			},
		}}}}}, nil
	}}, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// soon is a world whose waits for caches are as short as they can be.
func soon(t *testing.T) *namestest.World {
	t.Helper()
	return hasty(namestest.Start(t, namestest.Old, namestest.Hosts...))
}

func hasty(w *namestest.World) *namestest.World {
	w.Deps.Plan.Spec.DNS.TTL, w.Deps.Plan.Spec.DNS.Margin = plan.Duration(time.Second), plan.Duration(time.Second)
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(3 * time.Second)
	return w
}

func unchanged(t *testing.T, w *namestest.World) {
	t.Helper()
	if n := w.Writes(); n != 0 {
		t.Errorf("the zone was changed %d times", n)
	}
}

func TestNothingIsSwappedBeforeTheOldTTLRanOut(t *testing.T) {
	w := soon(t)
	seen := time.Now().Add(-time.Minute)
	_, err := run(t, w, lowered(t, time.Hour, seen))
	wait, ok := errors.AsType[*engine.NotBefore](err)
	if want := seen.Add(time.Hour + time.Second); !ok || !wait.Until.Equal(want) {
		t.Errorf("want not before %s, got %v", want, err)
	}
	unchanged(t, w)
}

func TestWithoutWhatTTLFoundNothingIsSwapped(t *testing.T) {
	w := soon(t)
	if _, err := run(t, w, &journal.Memory{}); !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "nobody knows what caches hold") {
		t.Errorf("no facts: %v", err)
	}
	_, err := run(t, w, lowered(t, time.Second, time.Now().Add(time.Hour)))
	if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "set the clocks right") {
		t.Errorf("a fact of the future: %v", err)
	}
	unchanged(t, w)
}

func TestAWrongKeyIsANoBeforeAnythingIsChanged(t *testing.T) {
	w := soon(t)
	secret := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("y", 32)))
	w.Deps.Zones[0].Editor = w.Editor(secret)
	w.Deps.Inventory.Ingresses[0].Object = namestest.Ingress("web.shop.test")
	r, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	if !errors.Is(err, engine.ErrNo) || fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), "refuses an update signed by key mig.") || strings.Contains(err.Error(), secret) || r.Begun {
		t.Errorf("begun %v, %v", r.Begun, err)
	}
	unchanged(t, w)
}

func TestNothingIsSwappedWhileANameServerIsDown(t *testing.T) {
	w := soon(t)
	w.Secondary.Stop()
	r, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	if !errors.Is(err, engine.ErrUnsure) || errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "name server "+w.Secondary.Addr+" of zone shop.test could not be asked") || r.Begun {
		t.Errorf("secondary down: begun %v, %v", r.Begun, err)
	}
	unchanged(t, w)
	w.Secondary.Run()
	w.Primary.Stop()
	r, err = run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	if !errors.Is(err, engine.ErrUnsure) || errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "read zone shop.test: ask "+w.Primary.Addr) || r.Begun {
		t.Errorf("primary down: begun %v, %v", r.Begun, err)
	}
	w.Primary.Run()
	unchanged(t, w)
}

func TestASecondaryThatStaysBehindIsNamedAndWaitedFor(t *testing.T) {
	w := hasty(namestest.StartDeaf(t, namestest.Old, namestest.Hosts...))
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(8 * time.Second)
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	r, err := run(t, w, store)
	for tries := 0; errors.Is(err, engine.ErrUnsure) && tries < 3; tries++ { // a busy machine did not answer the last look
		_, err = run(t, w, store)
	}
	if !errors.Is(err, engine.ErrNo) || !r.Begun || !strings.Contains(err.Error(), w.Secondary.Addr) || !strings.Contains(err.Error(), "203.0.113.10") {
		t.Fatalf("begun %v, %v", r.Begun, err)
	}
	w.Secondary.Notify(zonetest.Zone)
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(20 * time.Second)
	if _, err := run(t, w, store); err != nil {
		t.Errorf("after the transfer: %v", err)
	}
	if n := w.Writes(); n != 1 {
		t.Errorf("the zone was changed %d times", n)
	}
}

func TestWhatSomebodyChangedInBetweenIsNotOverwritten(t *testing.T) {
	w := soon(t)
	scopes, err := names.Of(w.Deps)
	if err != nil {
		t.Fatal(err)
	}
	s := move(w.Deps, nil, scopes[0]).Step()
	if o, err := s.Observe(t.Context()); err != nil || o.State != phase.Pending {
		t.Fatalf("%v: %s (%v)", o.State, o.Detail, err)
	}
	w.Primary.Update(zonetest.Zone, "web.shop.test. A", "web.shop.test. 300 IN A 192.0.2.99")
	if err := s.Apply(t.Context()); !errors.Is(err, phase.ErrMoved) {
		t.Errorf("want %v, got %v", phase.ErrMoved, err)
	}
	_, err = run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	if !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "web.shop.test does not lead to the entry of old but to 192.0.2.99") {
		t.Errorf("a name that leads elsewhere: %v", err)
	}
	if n := w.Writes(); n != 1 {
		t.Errorf("the zone was changed %d times, once by somebody else", n)
	}
}

func TestWhoSwapsBackIsSeen(t *testing.T) {
	w := soon(t)
	w.Deps.Plan.Spec.DNS.TTL = plan.Duration(time.Hour)
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(20 * time.Second)
	_, err := run(t, w, store)
	if wait, ok := errors.AsType[*engine.NotBefore](err); !ok || time.Until(wait.Until) < 59*time.Minute {
		t.Fatalf("after the swap: %v", err)
	}
	w.Primary.Update(zonetest.Zone, "web.shop.test. A", "web.shop.test. 300 IN A 203.0.113.10")
	for w.Secondary.Serial(zonetest.Zone) != w.Primary.Serial(zonetest.Zone) {
		w.Turn()
	}
	writes := w.Writes()
	if _, err = run(t, w, store); !errors.Is(err, engine.ErrNo) || !strings.Contains(err.Error(), "somebody changed zone shop.test after the swap") {
		t.Errorf("swapped back by somebody: %v", err)
	}
	if w.Writes() != writes {
		t.Error("it was swapped once more")
	}
}

func TestASecondZoneOfTheSameNameIsFound(t *testing.T) {
	w := soon(t)
	office := zonetest.Start(t, zonetest.PowerDNS, namestest.Old+"intra IN A 10.9.9.9\n", zonetest.Options{})
	w.Deps.Plan.Spec.DNS.Resolvers = []string{office.Addr}
	step := func() phase.Observation {
		t.Helper()
		scopes, err := names.Of(w.Deps)
		if err != nil {
			t.Fatal(err)
		}
		o, err := names.ResolverProof(w.Deps, scopes[0]).Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := step(); o.State != phase.Done {
		t.Errorf("it answers alike: %s", o.Detail)
	}
	office.Update(zonetest.Zone, "web.shop.test. A", "web.shop.test. 300 IN A 10.9.9.9")
	r, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	if !errors.Is(err, engine.ErrNo) || r.Begun || !strings.Contains(err.Error(), "web.shop.test leads to 10.9.9.9") {
		t.Errorf("a private zone leads elsewhere: begun %v, %v", r.Begun, err)
	}
	unchanged(t, w)
}

// What does not fit into one message of 64 KiB travels in two, each name wholly in one of them.
func TestFiveHundredNamesOfTwoFamiliesMove(t *testing.T) {
	var records strings.Builder
	var hosts []string
	for i := range 500 {
		fmt.Fprintf(&records, "host%d 60 IN A 203.0.113.10\nhost%[1]d 60 IN AAAA 2001:db8::10\n", i)
		hosts = append(hosts, fmt.Sprintf("host%d.shop.test", i))
	}
	w := hasty(namestest.Start(t, zonetest.Records(records.String()), hosts...))
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(time.Minute)
	if _, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	if n := w.Writes(); n > 2 {
		t.Errorf("the zone was changed %d times", n)
	}
	text := strings.Join(w.Secondary.Content(), "\n")
	if moved, stayed := strings.Count(text, "\tA\t198.51.100.20"), strings.Count(text, "203.0.113.10")+strings.Count(text, "AAAA"); moved != 500 || stayed != 0 {
		t.Errorf("%d names lead to new, %d records are old's", moved, stayed)
	}
}

// The entry of new serves whoever still comes by a cache, so nothing that came before the swap may go until that is over: also
// where other processes go on, and where somebody changes their mind in between.
func TestTheWayBackWaitsForCachesAsTheWayThereDoes(t *testing.T) {
	w := soon(t)
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	w.Deps.Plan.Spec.Windows.Zones, w.Deps.Now = plan.Duration(20*time.Second), true
	if _, err := run(t, w, store); err != nil {
		t.Fatal(err)
	}
	w.Deps.Plan.Spec.DNS.Margin, w.Deps.Now = plan.Duration(time.Hour), false
	back := func() error {
		t.Helper()
		e := &engine.Engine{Store: store, Run: "test", Poll: 20 * time.Millisecond}
		_, err := e.Rollback(t.Context(), namestest.Ungated(New(w.Deps)))
		return err
	}
	began := time.Now().UTC()
	first, ok := errors.AsType[*engine.NotBefore](back())
	if !ok || first.Until.Before(began.Add(time.Hour)) || first.Until.After(time.Now().Add(time.Hour+2*time.Second)) {
		t.Fatalf("want to wait for an hour and a second from %s, got %v", began, first)
	}
	writes := w.Writes()
	if again, ok := errors.AsType[*engine.NotBefore](back()); !ok || !again.Until.Equal(first.Until) {
		t.Errorf("another process waits until %v, the first one until %v", again, first)
	}
	if w.Writes() != writes || writes != 2 {
		t.Errorf("%d writes, and then %d", writes, w.Writes()-writes)
	}
	w.Deps.Now = true
	if _, err := run(t, w, store); err != nil {
		t.Fatalf("ahead once more: %v", err)
	}
	w.Deps.Now = false
	if second, ok := errors.AsType[*engine.NotBefore](back()); !ok || !second.Until.After(first.Until) {
		t.Errorf("back once more it waits until %v, the first time until %v", second, first)
	}
	w.Deps.Plan.Spec.DNS.Margin = plan.Duration(time.Millisecond)
	if err := back(); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

// A wait that the step has no time left for is a later job's.
func TestTheWayBackWaitsInItsStepOnlyWhereThatHasTheTime(t *testing.T) {
	w := soon(t)
	w.Deps.Plan.Spec.DNS.Margin = plan.Duration(time.Minute)
	done := phase.Observation{State: phase.Done}
	for left, later := range map[time.Duration]bool{10 * time.Minute: false, 90 * time.Second: true} {
		o, err := forgotten(w.Deps, nil, names.Scope{Zone: &zone.Zone{}}, time.Now().Add(left), done)
		if err != nil || o.State != phase.Settling || o.NotBefore.IsZero() == later {
			t.Errorf("with %s left: %+v %v", left, o, err)
		}
	}
}
