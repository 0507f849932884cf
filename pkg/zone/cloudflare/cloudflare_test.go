package cloudflare_test

import (
	"fmt"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/cloudflare"
	"cutover.dev/cutover/pkg/zone/cloudflaretest"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

func with(s *cloudflaretest.Server, token string) zone.Editor {
	return cloudflare.New(zonetest.Zone, cloudflare.Options{Token: token, Base: s.URL})
}

func TestAZoneAtCloudflareIsEditedByTheSameRules(t *testing.T) {
	zonetest.Conform(t, func(t *testing.T) zonetest.Fixture {
		s := cloudflaretest.Start(t)
		return zonetest.Fixture{
			Editor: with(s, s.Token), Zone: &zone.Zone{Name: zonetest.Zone, Servers: s.Book.Servers},
			Change: func(_ *testing.T, set zone.Set) { s.Edit(set) }, Between: s.BeforeWrite,
			Down: func(t *testing.T) zone.Editor {
				at := fmt.Sprintf("http://127.0.0.1:%d", zonetest.FreePort(t, "127.0.0.1"))
				return cloudflare.New(zonetest.Zone, cloudflare.Options{Token: s.Token, Base: at})
			},
			Wrong: func(*testing.T) (zone.Editor, string) {
				token := "another-token-that-nobody-gave"
				return with(s, token), token
			},
		}
	})
}

func TestATokenThatMayOnlyReadIsToldSoBeforeAnythingIsWritten(t *testing.T) {
	s := cloudflaretest.Start(t)
	e := with(s, s.Reader)
	if _, err := e.Get(t.Context(), []string{"web.shop.test"}); err != nil {
		t.Error(err)
	}
	if err := e.Check(t.Context()); fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), "Authentication error (10000)") {
		t.Errorf("want a no, got %v", err)
	}
	if err := with(s, s.Token).Check(t.Context()); err != nil || s.Writes() != 0 {
		t.Errorf("a token that may write: %v, %d writes", err, s.Writes())
	}
	if _, err := with(s, "").Get(t.Context(), []string{"web.shop.test"}); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), cloudflare.Variable) {
		t.Errorf("without a token: %v", err)
	}
}

func TestWhatIsNotServedAsItIsWrittenIsRefusedByName(t *testing.T) {
	s := cloudflaretest.Start(t)
	s.Replace(
		cloudflaretest.Record{Name: "web.shop.test", Type: "A", Content: "203.0.113.10", TTL: 1, Proxied: true},
		cloudflaretest.Record{Name: "alias.shop.test", Type: "CNAME", Content: "lb.shop.test", TTL: 300, Settings: map[string]bool{"flatten_cname": true}},
	)
	_, err := with(s, s.Token).Get(t.Context(), []string{"web.shop.test", "alias.shop.test", "two.shop.test"})
	for _, part := range []string{"web.shop.test A is proxied by Cloudflare", "alias.shop.test CNAME is flattened by Cloudflare"} {
		if fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), part) {
			t.Errorf("want %q, got %v", part, err)
		}
	}
}

// A record that is patched keeps its comment, and one with an automatic TTL is what is served.
func TestRecordsStayThemselves(t *testing.T) {
	s := cloudflaretest.Start(t)
	s.Replace(
		cloudflaretest.Record{Name: "two.shop.test", Type: "A", Content: "203.0.113.10", TTL: 1, Comment: "asked for by the shop"},
		cloudflaretest.Record{Name: "two.shop.test", Type: "A", Content: "203.0.113.11", TTL: 1},
	)
	e := with(s, s.Token)
	was, err := e.Get(t.Context(), []string{"two.shop.test"})
	if set, _ := zone.Typed(was["two.shop.test"], "A"); err != nil || set.TTL != 300 || len(set.Data) != 2 {
		t.Fatalf("%v %v", was, err)
	}
	want := zone.Set{Name: "two.shop.test", Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}
	if err := e.Swap(t.Context(), []zone.Change{{Name: want.Name, Was: was[want.Name], Want: []zone.Set{want}}}); err != nil {
		t.Fatal(err)
	}
	left := s.Records("two.shop.test")
	if len(left) != 1 || left[0].Comment != "asked for by the shop" || left[0].Content != "198.51.100.20" || left[0].Proxied {
		t.Errorf("%+v", left)
	}
}

func TestOnlyAZoneWhoseRecordsAreMadeThereIsTaken(t *testing.T) {
	twin := cloudflaretest.Zone{ID: "0twin", Name: zonetest.Zone, Type: "full"}
	other := cloudflaretest.Zone{ID: "0other", Name: "other.test", Type: "secondary"}
	for about, c := range map[string]struct {
		zone, id, no string
		more         []cloudflaretest.Zone
	}{
		"by name":             {zone: zonetest.Zone, more: []cloudflaretest.Zone{other}},
		"by id, among twins":  {zone: zonetest.Zone, id: cloudflaretest.ID, more: []cloudflaretest.Zone{twin}},
		"twins":               {zone: zonetest.Zone, more: []cloudflaretest.Zone{twin}, no: "several zones of that name: " + cloudflaretest.ID + ", 0twin"},
		"a secondary":         {zone: "other.test", more: []cloudflaretest.Zone{other}, no: "of type secondary"},
		"the id of another":   {zone: zonetest.Zone, id: "0other", more: []cloudflaretest.Zone{other}, no: "sees no zone of that name"},
		"an id of nobody":     {zone: zonetest.Zone, id: "0gone", no: "7003"},
		"a zone that is gone": {zone: "gone.test", no: "sees no zone of that name"},
	} {
		t.Run(about, func(t *testing.T) {
			s := cloudflaretest.Start(t, c.more...)
			e := cloudflare.New(c.zone, cloudflare.Options{Token: s.Token, ID: c.id, Base: s.URL})
			_, err := e.Get(t.Context(), []string{"web.shop.test"})
			for asked, err := range map[string]error{"Get": err, "Check": e.Check(t.Context())} {
				if c.no == "" && err != nil || c.no != "" && (fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), c.no)) {
					t.Errorf("%s: want %q, got %v", asked, c.no, err)
				}
			}
		})
	}
}

func TestWhatCameTooSoonIsSentAgain(t *testing.T) {
	s := cloudflaretest.Start(t)
	s.Throttle(2)
	if _, err := with(s, s.Token).Get(t.Context(), []string{"web.shop.test"}); err != nil {
		t.Error(err)
	}
	s.Throttle(100)
	if _, err := with(s, s.Token).Get(t.Context(), []string{"web.shop.test"}); fault.CodeOf(err) != fault.Unknown {
		t.Errorf("want an error without a code, got %v", err)
	}
}
