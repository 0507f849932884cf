package route53_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/route53"
	"cutover.dev/cutover/pkg/zone/route53test"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

func with(s *route53test.Server, key, secret string) zone.Editor {
	return route53.New(zonetest.Zone, route53.Options{Config: s.Config(key, secret)})
}

func TestAHostedZoneIsEditedByTheSameRules(t *testing.T) {
	zonetest.Conform(t, func(t *testing.T) zonetest.Fixture {
		s := route53test.Start(t, route53test.Hosted{ID: "Z0PRIVATE", Name: zonetest.Zone, Private: true})
		return zonetest.Fixture{
			Editor: with(s, s.Key, s.Secret), Zone: &zone.Zone{Name: zonetest.Zone, Servers: s.Book.Servers},
			Change: func(_ *testing.T, set zone.Set) { s.Put(set) }, Between: s.BeforeWrite,
			Down: func(t *testing.T) zone.Editor {
				c := s.Config(s.Key, s.Secret)
				at := fmt.Sprintf("http://127.0.0.1:%d", zonetest.FreePort(t, "127.0.0.1"))
				c.BaseEndpoint, c.RetryMaxAttempts = &at, 1
				return route53.New(zonetest.Zone, route53.Options{Config: c})
			},
			Wrong: func(*testing.T) (zone.Editor, string) {
				secret := "another-secret-that-nobody-gave"
				return with(s, s.Key, secret), secret
			},
		}
	})
}

func TestAKeyThatMayOnlyReadIsToldSoBeforeAnythingIsWritten(t *testing.T) {
	s := route53test.Start(t)
	e := with(s, s.Reader, s.Secret)
	if _, err := e.Get(t.Context(), []string{"web.shop.test"}); err != nil {
		t.Error(err)
	}
	if err := e.Check(t.Context()); fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("want a no, got %v", err)
	}
	if err := with(s, s.Key, s.Secret).Check(t.Context()); err != nil || s.Writes() != 0 {
		t.Errorf("a key that may write: %v, %d writes", err, s.Writes())
	}
}

func TestWhatAnswersByOtherRulesThanItsDataIsRefusedByName(t *testing.T) {
	s := route53test.Start(t)
	s.Replace(
		route53test.Set{Name: "web.shop.test", Type: "A", Alias: "lb-1.elb.amazonaws.com."},
		route53test.Set{Name: "two.shop.test", Type: "A", TTL: 60, Values: []string{"192.0.2.1"}, Identifier: "blue", Weight: 90},
		route53test.Set{Name: "two.shop.test", Type: "A", TTL: 60, Values: []string{"192.0.2.2"}, Identifier: "green", Weight: 10},
		route53test.Set{Name: "lb.shop.test", Type: "A", TTL: 60, Values: []string{"192.0.2.1"}, HealthCheck: "h-1"},
		route53test.Set{Name: "svc.shop.test", Type: "A", TTL: 60, Values: []string{"192.0.2.1"}, TrafficBound: "t-1"},
	)
	e := with(s, s.Key, s.Secret)
	_, err := e.Get(t.Context(), []string{"web.shop.test", "two.shop.test", "lb.shop.test", "svc.shop.test", "alias.shop.test"})
	if fault.CodeOf(err) != fault.Refused {
		t.Fatalf("want a no, got %v", err)
	}
	for _, part := range []string{
		"web.shop.test A is an alias of lb-1.elb.amazonaws.com.", `two.shop.test A is one of several by a routing policy`, `"blue"`, `"green"`,
		"lb.shop.test A has a health check", "svc.shop.test A belongs to a traffic policy",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not said: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "alias.shop.test") {
		t.Errorf("a plain record is named: %v", err)
	}
}

func TestOnlyThePublicZoneOfTheNameIsTaken(t *testing.T) {
	private := route53test.Hosted{ID: "Z0PRIVATE", Name: zonetest.Zone, Private: true}
	other := route53test.Hosted{ID: "Z0OTHER", Name: "sub.shop.test"}
	twin := route53test.Hosted{ID: "Z0TWIN", Name: zonetest.Zone}
	for about, c := range map[string]struct {
		more []route53test.Hosted
		zone string
		id   string
		no   string
	}{
		"beside a private one":     {more: []route53test.Hosted{private, other}, zone: zonetest.Zone},
		"the plan names it":        {more: []route53test.Hosted{private, twin}, zone: zonetest.Zone, id: route53test.Public},
		"two public ones":          {more: []route53test.Hosted{twin}, zone: zonetest.Zone, no: "Z0PUBLIC, Z0TWIN"},
		"the plan names a private": {more: []route53test.Hosted{private}, zone: zonetest.Zone, id: "Z0PRIVATE", no: "private hosted zone"},
		"the plan names another":   {more: []route53test.Hosted{other}, zone: zonetest.Zone, id: "Z0OTHER", no: "its name is sub.shop.test."},
		"the plan names none":      {zone: zonetest.Zone, id: "Z0GONE", no: "NoSuchHostedZone"},
		"only a private one":       {more: []route53test.Hosted{{ID: "Z0", Name: "in.test", Private: true}}, zone: "in.test", no: "no public hosted zone of that name, and 1 private ones"},
	} {
		t.Run(about, func(t *testing.T) {
			s := route53test.Start(t, c.more...)
			e := route53.New(c.zone, route53.Options{ID: c.id, Config: s.Config(s.Key, s.Secret)})
			_, err := e.Get(t.Context(), []string{"web.shop.test"})
			if c.no == "" && err != nil || c.no != "" && (fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), c.no)) {
				t.Errorf("want %q, got %v", c.no, err)
			}
		})
	}
}

func TestThrottlingIsAskedAgain(t *testing.T) {
	s := route53test.Start(t)
	e := with(s, s.Key, s.Secret)
	was, err := e.Get(t.Context(), []string{"web.shop.test"})
	if err != nil {
		t.Fatal(err)
	}
	s.Throttle(2)
	want := zone.Set{Name: "web.shop.test", Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}
	if err := e.Swap(t.Context(), []zone.Change{{Name: want.Name, Was: was[want.Name], Want: []zone.Set{want}}}); err != nil || s.Writes() != 1 {
		t.Errorf("%v, %d writes", err, s.Writes())
	}
}

func TestMoreThanABatchHoldsIsSaidBeforeItIsSent(t *testing.T) {
	s := route53test.Start(t)
	var changes []zone.Change
	for i := range 1001 {
		name := fmt.Sprintf("n%d.shop.test", i)
		changes = append(changes, zone.Change{Name: name, Want: []zone.Set{{Name: name, Type: "A", TTL: 60, Data: []string{"192.0.2.1"}}}})
	}
	e := with(s, s.Key, s.Secret)
	if err := e.Swap(t.Context(), changes); err != zone.ErrTooLarge || s.Writes() != 0 { //nolint:errorlint // the very one
		t.Errorf("want %v, got %v and %d writes", zone.ErrTooLarge, err, s.Writes())
	}
	if err := zone.Swap(t.Context(), e, changes); err != nil || s.Writes() != 2 {
		t.Errorf("in halves: %v, %d writes", err, s.Writes())
	}
}

// The client sends a batch again whose answer was lost, and the service refuses the second copy.
func TestABatchWhoseAnswerWasLostIsFoundDone(t *testing.T) {
	s := route53test.Start(t)
	var changes []zone.Change
	for i := range 1001 { // in halves
		name := fmt.Sprintf("n%d.shop.test", i)
		changes = append(changes, zone.Change{Name: name, Want: []zone.Set{{Name: name, Type: "A", TTL: 60, Data: []string{"192.0.2.1"}}}})
	}
	s.Lose(1)
	if err := zone.Swap(t.Context(), with(s, s.Key, s.Secret), changes); err != nil || s.Writes() != 2 {
		t.Errorf("%v, %d writes", err, s.Writes())
	}
}

func TestARefusalThatNobodyCanCheckIsNoWordThatNothingWasWritten(t *testing.T) {
	want := zone.Set{Name: "web.shop.test", Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}
	s := route53test.Start(t)
	e := with(s, s.Key, s.Secret)
	was, err := e.Get(t.Context(), []string{want.Name})
	if err != nil {
		t.Fatal(err)
	}
	s.BeforeWrite(s.Blind)
	s.Lose(1)
	err = e.Swap(t.Context(), []zone.Change{{Name: want.Name, Was: was[want.Name], Want: []zone.Set{want}}})
	if err == nil || fault.CodeOf(err) != fault.Unknown || errors.Is(err, phase.ErrMoved) || !strings.Contains(err.Error(), "could not be read") {
		t.Errorf("want an error without a code, got %v", err)
	}
	s = route53test.Start(t)
	alias := zone.Set{Name: zonetest.Zone, Type: "CNAME", TTL: 60, Data: []string{"lb.new.test."}}
	e = with(s, s.Key, s.Secret)
	if was, err = e.Get(t.Context(), []string{alias.Name}); err != nil {
		t.Fatal(err)
	}
	err = e.Swap(t.Context(), []zone.Change{{Name: alias.Name, Was: was[alias.Name], Want: []zone.Set{alias}}})
	if fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), "wrote nothing") {
		t.Errorf("the zone is as it was: want a no, got %v", err)
	}
}
