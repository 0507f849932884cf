package zone

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Records makes a set what goes over the wire.
func Records(s Set) ([]dns.RR, error) {
	var all []dns.RR
	for _, data := range s.Data {
		rr, err := dns.NewRR(fmt.Sprintf(". %d IN %s %s", s.TTL, s.Type, data))
		if err != nil || rr == nil {
			return nil, fmt.Errorf("write %s %s %q as a record: %w", s.Name, s.Type, data, err)
		}
		if _, valid := dns.IsDomainName(s.Name); !valid || rr.Header().Rrtype != dns.StringToType[s.Type] {
			return nil, fmt.Errorf("%q is no owner of a record of type %s", s.Name, s.Type)
		}
		rr.Header().Name = dns.Fqdn(s.Name)
		all = append(all, rr)
	}
	return all, nil
}

// Sets groups records of Types by owner and type. Of records of one set that differ in their TTL the longest counts.
func Sets(records []dns.RR) []Set {
	var all []Set
	for _, rr := range records {
		h := rr.Header()
		s := Set{Name: canonical(h.Name), Type: dns.TypeToString[h.Rrtype], TTL: h.Ttl, Data: []string{data(rr)}}
		if !slices.Contains(Types, s.Type) {
			continue
		}
		i := slices.IndexFunc(all, func(o Set) bool { return o.Name == s.Name && o.Type == s.Type })
		if i < 0 {
			all = append(all, s)
			continue
		}
		all[i].TTL = max(all[i].TTL, s.TTL)
		if !slices.Contains(all[i].Data, s.Data[0]) {
			all[i].Data = append(all[i].Data, s.Data[0])
			slices.Sort(all[i].Data)
		}
	}
	return all
}

// data is a record without its header, in one way of writing.
func data(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A.String()
	case *dns.AAAA:
		return rr.AAAA.String()
	case *dns.CNAME:
		return strings.ToLower(rr.Target)
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// canonical is a name as Set has it.
func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }
