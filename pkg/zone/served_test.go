package zone_test

import (
	"context"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// A firewall may let one network pass and not the other, and resolvers use both.
func TestAServerThatAnswersOverOneNetworkAloneIsNamedWithTheOther(t *testing.T) {
	s := zonetest.Start(t, zonetest.BIND, zonetest.Before, zonetest.Options{})
	deaf := new(zonetest.Wire).Lay(t, "127.0.0.1", s) // TCP alone
	z := &zone.Zone{Name: zonetest.Zone, Servers: zonetest.Servers(s, &zonetest.Server{Addr: deaf.Addr})}
	readings, err := z.Read(t.Context(), []string{"web.shop.test"})
	if err != nil {
		t.Fatal(err)
	}
	behind := strings.Join(zone.Behind(readings, nil), "\n")
	if !strings.Contains(behind, deaf.Addr) || !strings.Contains(behind, "A over udp") || strings.Contains(behind, "over tcp") || strings.Contains(behind, s.Addr) {
		t.Errorf("it is said: %q", behind)
	}
}

// A big answer that is old over UDP alone is old for most clients.
func TestAServerHasToServeTheSameOverBothNetworks(t *testing.T) {
	was, want := addressOf("203.0.113.10"), addressOf("198.51.100.20")
	for network, other := range map[string]string{"udp": "tcp", "tcp": "udp"} {
		r := zone.Reading{Server: zone.Server{Addr: "192.0.2.1:53"}, Answers: map[string]map[string]zone.Answer{
			network: {"web.shop.test": {Sets: was}}, other: {"web.shop.test": {Sets: want}},
		}}
		behind := strings.Join(zone.Behind([]zone.Reading{r}, zone.Names{"web.shop.test": want}), "\n")
		if !strings.Contains(behind, "192.0.2.1:53") || !strings.Contains(behind, "203.0.113.10 (TTL 60) over "+strings.ToUpper(network)+" instead of A 198.51.100.20") {
			t.Errorf("old over %s alone: %q", network, behind)
		}
	}
}

func addressOf(a string) []zone.Set {
	return []zone.Set{{Name: "web.shop.test", Type: "A", TTL: 60, Data: []string{a}}}
}

// A secondary of a signed zone that lost the signatures serves the right addresses, and validating resolvers refuse them.
func TestASignedZoneIsNotServedUntilEveryServerHasItsSignatures(t *testing.T) {
	signed := zonetest.Start(t, zonetest.Knot, zonetest.Before, zonetest.Options{Signed: true})
	book := zonetest.Open(t, append(zonetest.Parse(t, zonetest.Before), signed.Lookup(zonetest.Zone, "DNSKEY")...))
	z := &zone.Zone{
		Name: zonetest.Zone, Editor: limited{book: book},
		Servers: zonetest.Servers(signed, &zonetest.Server{Addr: book.Addr}),
	}
	want, err := z.Editor.Get(t.Context(), []string{"web.shop.test"})
	if err != nil {
		t.Fatal(err)
	}
	m := zone.Move{Zone: z, Names: []string{"web.shop.test"}, Want: func(context.Context, string, zone.Seen) ([]zone.Set, error) { return want["web.shop.test"], nil }}
	o, err := m.Observe(t.Context())
	const no = "serves what validating resolvers refuse: web.shop.test A has no valid signature"
	if err != nil || o.State != phase.Settling || !strings.Contains(o.Detail, book.Addr) || !strings.Contains(o.Detail, no) || strings.Contains(o.Detail, signed.Addr) {
		t.Errorf("%v: %s (%v)", o.State, o.Detail, err)
	}
	z.Servers = zonetest.Servers(signed)
	if o, err = m.Observe(t.Context()); err != nil || o.State != phase.Done {
		t.Errorf("with them alone: %v: %s (%v)", o.State, o.Detail, err)
	}
}
