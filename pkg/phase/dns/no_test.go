package dns

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// One name that cannot be led is a no for all of them, by name, and before the first write.
func TestANameThatCannotBeLedIsANoForAllBeforeAnythingIsChanged(t *testing.T) {
	named, six := plan.Entry{Hostname: "lb.new.test"}, plan.Entry{Addresses: []string{"2001:db8::20"}}
	for about, c := range map[string]struct {
		records zonetest.Records // beside web, which could move
		host    string
		to      plan.Entry
		no      string
	}{
		"the apex, to a host name":          {"@ 60 IN A 203.0.113.10\n", "shop.test", named, "shop.test is the apex of its zone, where no CNAME can stand: spec.entry.new needs addresses"},
		"a TXT beside it, to a host name":   {"txt 60 IN A 203.0.113.10\ntxt 60 IN TXT \"heritage=external-dns\"\n", "txt.shop.test", named, "txt.shop.test has TXT as well, and no CNAME can stand beside it"},
		"a wildcard that is no host of old": {"*.wild 60 IN A 203.0.113.10\n", "any.wild.shop.test", plan.Entry{}, "any.wild.shop.test is answered by a wildcard that is no host of old: others would move with it"},
		"no record":                         {"", "none.shop.test", plan.Entry{}, "none.shop.test has no address record"},
		"IPv4 alone, to IPv6 alone":         {"four 60 IN A 203.0.113.10\n", "four.shop.test", six, "four.shop.test has only IPv4 addresses, and the new entry has none"},
		"a service that leads elsewhere":    {"svc 60 IN A 203.0.113.10\nsvc 60 IN HTTPS 0 cdn.test.\n", "svc.shop.test", plan.Entry{}, "the HTTPS record of svc.shop.test leads to another name, cdn.test."},
		"an address that is not old's":      {"own 60 IN A 203.0.113.10\nown 60 IN A 192.0.2.9\n", "own.shop.test", plan.Entry{}, "own.shop.test does not lead to the entry of old but to 192.0.2.9"},
	} {
		t.Run(about, func(t *testing.T) {
			w := hasty(namestest.Start(t, "web 60 IN A 203.0.113.10\nweb 60 IN AAAA 2001:db8::10\n"+c.records, "web.shop.test", c.host))
			if c.to.Hostname != "" || c.to.Addresses != nil {
				w.Deps.Plan.Spec.Entry.New = c.to
			}
			r, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
			if !errors.Is(err, engine.ErrNo) || r.Begun || !strings.Contains(err.Error(), c.no) {
				t.Errorf("begun %v, %v", r.Begun, err)
			}
			unchanged(t, w)
		})
	}
}

// Whom the zone above names is whom resolvers ask.
func TestNothingIsSwappedWhereTheZoneAboveNamesOtherServers(t *testing.T) {
	w := soon(t)
	above := zonetest.Start(t, zonetest.Knot, "shop IN NS ns1.shop\nshop IN NS ns9.other\n", zonetest.Options{Zone: "test"})
	_, port, _ := net.SplitHostPort(w.Primary.Addr)
	w.Deps.Zones[0].Servers = zone.Finder{
		Zone: zonetest.Zone, Via: w.Primary.Addr, Port: port,
		Parents: func(context.Context, string) ([]string, error) { return []string{above.Addr}, nil },
	}.Find
	r, err := run(t, w, lowered(t, 0, time.Now().Add(-time.Minute)))
	const no = "zone shop.test names its servers as ns1.shop.test, and the zone above it as ns1.shop.test, ns9.other.test"
	if !errors.Is(err, engine.ErrNo) || r.Begun || !strings.Contains(err.Error(), no) {
		t.Errorf("begun %v, %v", r.Begun, err)
	}
	unchanged(t, w)
}
