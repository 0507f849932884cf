package cleanup

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// left is what the phase ttl found.
type left struct{ was zone.Names }

func (l left) Fact(key string, into any) (bool, error) {
	if key != names.WasFact+zonetest.Zone {
		return false, nil
	}
	text, err := json.Marshal(l.was)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, into)
}

func TestTTLsGoUpAgainToWhatTheyWere(t *testing.T) {
	w := namestest.Start(t, "web 1 IN A 198.51.100.20\napi 1 IN A 198.51.100.20\nlow 1 IN A 198.51.100.20\n", "web.shop.test", "api.shop.test", "low.shop.test")
	was := zone.Names{
		"web.shop.test": {{Name: "web.shop.test", Type: "A", TTL: 3600, Data: []string{"203.0.113.10"}}, {Name: "web.shop.test", Type: "AAAA", TTL: 7200, Data: []string{"2001:db8::10"}}},
		"api.shop.test": {{Name: "api.shop.test", Type: "CNAME", TTL: 600, Data: []string{"lb.shop.test."}}},
	}
	groups, err := raise(w.Deps, left{was})
	if err != nil || len(groups) != 1 || len(groups[0].Lanes) != 1 {
		t.Fatalf("%v, %v", groups, err)
	}
	s := groups[0].Lanes[0][0]
	if o, err := s.Observe(t.Context()); err != nil || o.State != phase.Pending || s.Final == "" {
		t.Fatalf("%s: %s (%v), final: %q", o.State, o.Detail, err, s.Final)
	}
	if err := s.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	for giveUp := time.Now().Add(time.Minute); ; w.Turn() {
		if o, err := s.Observe(t.Context()); err == nil && o.State == phase.Done {
			break
		} else if time.Now().After(giveUp) {
			t.Fatalf("%s: %s (%v)", o.State, o.Detail, err)
		}
	}
	for _, want := range []string{
		"web.shop.test.\t3600\tIN\tA\t198.51.100.20", "api.shop.test.\t600\tIN\tA\t198.51.100.20", "low.shop.test.\t1\tIN\tA\t198.51.100.20",
	} {
		if got := w.Secondary.Content(); !slices.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func TestWithoutZonesNothingIsRaised(t *testing.T) {
	if groups, err := raise(Deps{}, nil); err != nil || groups != nil {
		t.Errorf("%v, %v", groups, err)
	}
}
