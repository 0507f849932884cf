package zone

import (
	"crypto"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func record(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

func TestOnlyASignatureOfTheZoneOverWhatIsServedNowCounts(t *testing.T) {
	key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "shop.test.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 60}, Flags: 256, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	private, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(from, to time.Duration, set ...dns.RR) dns.RR {
		sig := &dns.RRSIG{
			Hdr:       dns.RR_Header{Ttl: 60},
			Algorithm: key.Algorithm, KeyTag: key.KeyTag(), SignerName: "shop.test.",
			Inception: uint32(time.Now().Add(from).Unix()), Expiration: uint32(time.Now().Add(to).Unix()), //nolint:gosec // until 2106
		}
		if err := sig.Sign(private.(crypto.Signer), set); err != nil { //nolint:errcheck // it is one
			t.Fatal(err)
		}
		return sig
	}
	old, next := record(t, "web.shop.test. 60 IN A 203.0.113.10"), record(t, "web.shop.test. 60 IN A 198.51.100.20")
	star := record(t, "*.shop.test. 60 IN A 198.51.100.20")
	expanded, starSig := dns.Copy(star), sign(-time.Hour, time.Hour, star)
	expanded.Header().Name, starSig.Header().Name = "web.shop.test.", "web.shop.test."
	for about, c := range map[string]struct {
		answer []dns.RR
		want   string
	}{
		"signed":                    {[]dns.RR{next, sign(-time.Hour, time.Hour, next)}, ""},
		"a wildcard":                {[]dns.RR{expanded, starSig}, ""},
		"nothing":                   {nil, ""},
		"not signed":                {[]dns.RR{next}, "web.shop.test A has no valid signature"},
		"signed before the swap":    {[]dns.RR{next, sign(-time.Hour, time.Hour, old)}, "web.shop.test A has no valid signature"},
		"the signature has run out": {[]dns.RR{next, sign(-2*time.Hour, -time.Hour, next)}, "web.shop.test A has no valid signature"},
	} {
		if got := strings.Join(invalid("web.shop.test", c.answer, []*dns.DNSKEY{key}), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", about, got, c.want)
		}
	}
	if got := invalid("web.shop.test", []dns.RR{next, sign(-time.Hour, time.Hour, next)}, nil); len(got) != 1 {
		t.Errorf("signed by no key of the zone: %q", got)
	}
}
