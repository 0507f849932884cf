package dns

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/reach"
)

// rotating is a network in which a host name leads to other addresses each time that it is looked up.
type rotating struct {
	reach.Direct
	turns [][]string
	asked atomic.Int32
}

func (r *rotating) LookupHost(context.Context, string) ([]string, error) {
	return r.turns[int(r.asked.Add(1)-1)%len(r.turns)], nil
}

// byHostname asks names that are no address of a network where they rotate.
func byHostname(w *namestest.World, turns ...[]string) *rotating {
	r := &rotating{turns: turns}
	w.Deps.Reach.New, w.Deps.Plan.Spec.DNS.From = r, "new"
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(20 * time.Second)
	return r
}

// there goes to new, looks once more as another process does, and comes back.
func there(t *testing.T, w *namestest.World, served ...string) {
	t.Helper()
	w.Deps.Now = true // how caches are waited for is another test's
	was := w.Primary.Content()
	store := lowered(t, 0, time.Now().Add(-time.Minute))
	for range 2 {
		if _, err := run(t, w, store); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Join(w.Secondary.Content(), "\n")
	for _, s := range served {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not served:\n%s", s, text)
		}
	}
	if strings.Count(text, "203.0.113.10") != 1 || strings.Contains(text, "2001:db8::10") || w.Writes() != 1 { // lb is no host of old
		t.Errorf("after %d writes:\n%s", w.Writes(), text)
	}
	back := &engine.Engine{Store: store, Run: "test", Poll: 20 * time.Millisecond}
	if _, err := back.Rollback(t.Context(), namestest.Ungated(New(w.Deps))); err != nil {
		t.Fatal(err)
	}
	if d := differ(was, w.Secondary.Content()); len(d) > 0 {
		t.Errorf("after the way back: %q", d)
	}
}

var below = []string{"web.shop.test", "api.shop.test", "*.apps.shop.test", "svc.shop.test"}

const apexless = `web 3600 IN A 203.0.113.10
web 3600 IN AAAA 2001:db8::10
api 30 IN CNAME lb
lb 7200 IN A 203.0.113.10
*.apps 300 IN A 203.0.113.10
svc 600 IN A 203.0.113.10
svc 600 IN HTTPS 1 . alpn=h2 ipv4hint=203.0.113.10
`

func TestAddressesOfEveryKindBecomeAliasesAndComeBack(t *testing.T) {
	w := hasty(namestest.Start(t, apexless, below...))
	w.Deps.Plan.Spec.Entry.New = plan.Entry{Hostname: "lb.new.test"}
	byHostname(w, []string{"198.51.100.20"}, []string{"198.51.100.21"}, nil) // where new's alias ends is nobody's business
	there(t, w, "web.shop.test.\t1\tIN\tCNAME\tlb.new.test.", "api.shop.test.\t1\tIN\tCNAME\tlb.new.test.",
		"*.apps.shop.test.\t1\tIN\tCNAME\tlb.new.test.", "svc.shop.test.\t1\tIN\tCNAME\tlb.new.test.")
}

func TestAliasesBecomeAddressesOfBothFamiliesAndComeBack(t *testing.T) {
	w := hasty(namestest.Start(t, apexless, below...))
	w.Deps.Plan.Spec.Entry.New = plan.Entry{Addresses: []string{"198.51.100.20", "2001:db8::20"}}
	w.Deps.Plan.Spec.Windows.Zones = plan.Duration(20 * time.Second)
	there(t, w, "api.shop.test.\t1\tIN\tA\t198.51.100.20", "api.shop.test.\t1\tIN\tAAAA\t2001:db8::20", "web.shop.test.\t1\tIN\tAAAA\t2001:db8::20")
}

// An old entry that is a host name: whose alias it is goes by the name, however its addresses rotate.
func TestAnAliasOfOldsHostNameMovesHoweverThatRotates(t *testing.T) {
	w := hasty(namestest.Start(t, "web 60 IN CNAME lb.old.example.\nlb 60 IN A 203.0.113.10\n", "web.shop.test"))
	w.Deps.Plan.Spec.Entry.Old = plan.Entry{Hostname: "lb.old.example"}
	byHostname(w, []string{"203.0.113.11", "203.0.113.12"}, []string{"203.0.113.13"}, []string{"203.0.113.14"})
	there(t, w, "web.shop.test.\t1\tIN\tA\t198.51.100.20")
}

// A record of addresses is old's only as far as old's host name leads there: what rotated away is a no, and nothing is changed.
func TestAnAddressThatRotatedAwayFromOldsHostNameIsANo(t *testing.T) {
	w := hasty(namestest.Start(t, "web 60 IN A 203.0.113.11\nlb 60 IN A 203.0.113.10\n", "web.shop.test"))
	w.Deps.Plan.Spec.Entry.Old = plan.Entry{Hostname: "lb.old.example"}
	here, away := []string{"203.0.113.11", "203.0.113.12"}, []string{"203.0.113.13"}
	rotates := byHostname(w, away)
	r, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	if !errors.Is(err, engine.ErrNo) || r.Begun || !strings.Contains(err.Error(), "web.shop.test does not lead to the entry of old but to 203.0.113.11") {
		t.Errorf("begun %v, %v", r.Begun, err)
	}
	rotates.turns = [][]string{here, away} // the proof sees it there, and the step no longer
	rotates.asked.Store(0)
	r, err = run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	if !errors.Is(err, engine.ErrNo) || r.Begun {
		t.Errorf("in between: begun %v, %v", r.Begun, err)
	}
	unchanged(t, w)
	rotates.turns = [][]string{here}
	there(t, w, "web.shop.test.\t1\tIN\tA\t198.51.100.20")
}
