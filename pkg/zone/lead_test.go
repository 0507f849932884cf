package zone

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func set(kind string, ttl uint32, data ...string) Set {
	return Set{Name: "a.shop.test", Type: kind, TTL: ttl, Data: data}
}

func TestANameIsLedWithAllItsFamiliesAndTypesAtOnce(t *testing.T) {
	four, both := Entry{Addresses: []string{"198.51.100.20"}}, Entry{Addresses: []string{"2001:DB8:0::20", "198.51.100.20"}}
	for about, c := range map[string]struct {
		have []Set
		to   Entry
		want []Set
		no   string
	}{
		"A to A":                           {[]Set{set("A", 300, "203.0.113.10")}, four, []Set{set("A", 60, "198.51.100.20")}, ""},
		"AAAA only in old goes":            {[]Set{set("A", 300, "203.0.113.10"), set("AAAA", 300, "2001:db8::10")}, four, []Set{set("A", 60, "198.51.100.20")}, ""},
		"a new family comes":               {[]Set{set("A", 300, "203.0.113.10")}, both, []Set{set("A", 60, "198.51.100.20"), set("AAAA", 60, "2001:db8::20")}, ""},
		"an alias becomes addresses":       {[]Set{set("CNAME", 300, "lb.old.test.")}, both, []Set{set("A", 60, "198.51.100.20"), set("AAAA", 60, "2001:db8::20")}, ""},
		"addresses and HTTPS become alias": {[]Set{set("A", 300, "203.0.113.10"), set("HTTPS", 300, "1 . alpn=h2")}, Entry{Hostname: "lb.new.test"}, []Set{set("CNAME", 60, "lb.new.test.")}, ""},
		"hints of HTTPS move, and the rest stays": {
			[]Set{set("A", 300, "203.0.113.10"), set("HTTPS", 300, `1 . alpn="h2,h3" ipv4hint="203.0.113.10" ipv6hint="2001:db8::10"`)},
			four,
			[]Set{set("A", 60, "198.51.100.20"), set("HTTPS", 60, `1 . alpn="h2,h3" ipv4hint="198.51.100.20"`)},
			"",
		},
		"keys for an encrypted hello": {[]Set{set("HTTPS", 300, `1 . alpn="h2" ech="AAAA"`)}, four, nil, "has ech"},
		"HTTPS of another name":       {[]Set{set("HTTPS", 300, "0 cdn.test.")}, four, nil, "leads to another name, cdn.test."},
		"IPv4 alone, to IPv6 alone":   {[]Set{set("A", 300, "203.0.113.10")}, Entry{Addresses: []string{"2001:db8::20"}}, nil, "its clients would find nothing"},
	} {
		t.Run(about, func(t *testing.T) {
			got, err := Lead("a.shop.test", c.have, c.to, 60)
			if (err == nil) != (c.no == "") || err != nil && !strings.Contains(err.Error(), c.no) {
				t.Fatalf("want a no of %q, got %v", c.no, err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if err != nil {
				return
			}
			if again, err := Lead("a.shop.test", got, c.to, 60); err != nil || !Same(again, got) {
				t.Errorf("a name that was led is led again: %v (%v)", again, err)
			}
		})
	}
}

func TestWhereANameLeadsIsToldByAddressesAndByTheAlias(t *testing.T) {
	old, named := Entry{Addresses: []string{"203.0.113.10", "2001:db8::10"}}, Entry{Hostname: "LB.old.test"}
	for about, c := range map[string]struct {
		have      []Set
		addresses []string
		to        Entry
		known     []string
		want      string
	}{
		"old's address":                        {[]Set{set("A", 1, "203.0.113.10")}, []string{"203.0.113.10"}, old, nil, ""},
		"one of two is somebody else's":        {[]Set{set("A", 1, "203.0.113.10", "192.0.2.9")}, []string{"203.0.113.10", "192.0.2.9"}, old, nil, "192.0.2.9"},
		"an alias that ends at old":            {[]Set{set("CNAME", 1, "x.test.")}, []string{"2001:db8::10"}, old, nil, ""},
		"an alias that ends nowhere":           {[]Set{set("CNAME", 1, "x.test.")}, nil, old, nil, "CNAME x.test. (TTL 1)"},
		"nothing":                              {nil, nil, old, nil, "nowhere"},
		"the alias itself":                     {[]Set{set("CNAME", 1, "lb.old.test.")}, []string{"192.0.2.77"}, named, nil, ""},
		"an address that the name has now":     {[]Set{set("A", 1, "192.0.2.77")}, []string{"192.0.2.77"}, named, []string{"192.0.2.77"}, ""},
		"an address that the name has no more": {[]Set{set("A", 1, "192.0.2.77")}, []string{"192.0.2.77"}, named, []string{"192.0.2.78"}, "192.0.2.77"},
	} {
		if got := LeadsTo(c.have, c.addresses, c.to, c.known); got != c.want {
			t.Errorf("%s: leads elsewhere: %q, want %q", about, got, c.want)
		}
	}
}
