package zone_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

func TestNameServersAreFoundWithAllAddressesAndOnlyIfTheZoneAboveAgrees(t *testing.T) {
	const own = "@ IN NS ns2.other.test.\nns1 IN AAAA ::1\n"
	child := zonetest.Start(t, zonetest.BIND, own, zonetest.Options{})
	_, port, _ := net.SplitHostPort(child.Addr)
	for about, c := range map[string]struct {
		delegation zonetest.Records
		want       []zone.Server
		code       fault.Code
		says       string
	}{
		"it agrees": {
			delegation: "shop IN NS ns1.shop\nshop IN NS ns2.other\nns1.shop IN A 127.0.0.1\n",
			want:       []zone.Server{{Name: "ns1.shop.test", Addr: "127.0.0.1:" + port}, {Name: "ns1.shop.test", Addr: "[::1]:" + port}, {Name: "ns2.other.test", Addr: "192.0.2.53:" + port}},
		},
		"it names another one": {delegation: "shop IN NS ns1.shop\nshop IN NS ns9.other\nns1.shop IN A 127.0.0.1\n", code: fault.Refused, says: "zone shop.test names its servers as ns1.shop.test, ns2.other.test, and the zone above it as ns1.shop.test, ns9.other.test"},
		"it does not know it":  {delegation: "www IN A 192.0.2.1\n", code: fault.Unknown, says: "see how zone shop.test is delegated: "},
	} {
		t.Run(about, func(t *testing.T) {
			parent := zonetest.Start(t, zonetest.Knot, c.delegation, zonetest.Options{Zone: "test"})
			f := zone.Finder{
				Zone: zonetest.Zone, Via: child.Addr, Port: port,
				Lookup:  func(context.Context, string) ([]string, error) { return []string{"192.0.2.53"}, nil },
				Parents: func(context.Context, string) ([]string, error) { return []string{parent.Addr}, nil },
			}
			got, err := f.Find(t.Context())
			if fault.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("want code %d and %q, got %v", c.code, c.says, err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestASignedZoneIsReadBackWithItsSignatures(t *testing.T) {
	s := zonetest.Start(t, zonetest.Knot, zonetest.Before, zonetest.Options{Signed: true})
	z := &zone.Zone{Name: zonetest.Zone, Servers: zonetest.Servers(s)}
	if len(s.Lookup(zonetest.Zone, "DNSKEY")) == 0 {
		t.Fatal("the zone is not signed")
	}
	editor := rfc2136.New(zonetest.Zone, s.Addr, zonetest.Key, zonetest.Algorithm, s.Secret)
	names := []string{"web.shop.test", "any.wild.shop.test", "alias.shop.test", "svc.shop.test"}
	read := func() []string {
		t.Helper()
		readings, err := z.Read(t.Context(), names)
		if err != nil || readings[0].Err != nil {
			t.Fatal(err, readings)
		}
		return readings[0].Bogus
	}
	if bogus := read(); len(bogus) > 0 {
		t.Errorf("before: %q", bogus)
	}
	own, err := editor.Get(t.Context(), names[:1])
	if err != nil {
		t.Fatal(err)
	}
	want := []zone.Set{{Name: names[0], Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}}
	if err := editor.Swap(t.Context(), []zone.Change{{Name: names[0], Was: own[names[0]], Want: want}}); err != nil {
		t.Fatal(err)
	}
	if bogus := read(); len(bogus) > 0 {
		t.Errorf("after the swap: %q", bogus)
	}
}
