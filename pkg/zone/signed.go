package zone

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// bogus lists what a server serves for names without a valid signature by a key of the zone, if the zone is signed. Whether the
// zone above vouches for these keys is not looked at: nothing here changes keys.
func bogus(ctx context.Context, zone string, s Server, names []string) (all []string, err error) {
	answers, err := ask(ctx, "tcp", s, []question{{zone, dns.TypeDNSKEY}}, false)
	if err != nil {
		return nil, err
	}
	var keys []*dns.DNSKEY
	for _, rr := range answers[0].Answer {
		if key, ok := rr.(*dns.DNSKEY); ok {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	var questions []question
	for _, name := range names {
		for _, kind := range asked {
			questions = append(questions, question{name, kind})
		}
	}
	if answers, err = ask(ctx, "tcp", s, questions, true); err != nil {
		return nil, err
	}
	for i, m := range answers {
		for _, why := range invalid(questions[i].name, m.Answer, keys) {
			if !slices.Contains(all, why) { // an alias is in every answer
				all = append(all, why)
			}
		}
	}
	return all, nil
}

// invalid judges the sets that a name owns in one answer.
func invalid(name string, answer []dns.RR, keys []*dns.DNSKEY) (all []string) {
	sets := map[uint16][]dns.RR{}
	for _, rr := range answer {
		if h := rr.Header(); canonical(h.Name) == canonical(name) && h.Rrtype != dns.TypeRRSIG {
			sets[h.Rrtype] = append(sets[h.Rrtype], rr)
		}
	}
	for kind, set := range sets {
		if !slices.ContainsFunc(answer, func(rr dns.RR) bool {
			sig, ok := rr.(*dns.RRSIG)
			return ok && sig.TypeCovered == kind && canonical(sig.Hdr.Name) == canonical(name) && signs(sig, set, keys)
		}) {
			all = append(all, fmt.Sprintf("%s %s has no valid signature", name, dns.TypeToString[kind]))
		}
	}
	return all
}

func signs(sig *dns.RRSIG, set []dns.RR, keys []*dns.DNSKEY) bool {
	return sig.ValidityPeriod(time.Now()) && slices.ContainsFunc(keys, func(key *dns.DNSKEY) bool {
		return key.KeyTag() == sig.KeyTag && sig.Verify(key, set) == nil
	})
}
