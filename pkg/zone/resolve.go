package zone

import (
	"context"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// Resolve asks a resolver, as a client does, to which addresses a name leads. A name that is not there leads to none.
func Resolve(ctx context.Context, s Server, name string) (addresses []string, err error) {
	l := line{client: &dns.Client{Net: "tcp", Timeout: perQuestion}, to: s}
	defer l.hangUp()
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		m := new(dns.Msg)
		m.SetQuestion(dns.Fqdn(name), kind)
		answer, err := l.once(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("ask the resolver %s for %s: %w", s, name, err)
		}
		if answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
			return nil, fmt.Errorf("ask the resolver %s for %s: it says %s", s, name, dns.RcodeToString[answer.Rcode])
		}
		for _, s := range Sets(answer.Answer) {
			if s.Type == "A" || s.Type == "AAAA" {
				addresses = append(addresses, s.Data...)
			}
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), nil
}
