package zone

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Entry is where names can lead: addresses, or one host name.
type Entry struct {
	Addresses []string
	Hostname  string
}

// Lead is what a name has to own so that it leads to an entry, given what it owns now. Families that the entry lacks go, in
// the same change: a client that prefers one of them would stay behind. An error is a no.
func Lead(name string, have []Set, to Entry, seconds uint32) ([]Set, error) {
	if to.Hostname != "" {
		return []Set{{Name: name, Type: "CNAME", TTL: seconds, Data: []string{dns.Fqdn(to.Hostname)}}}, nil
	}
	four, six := families(to.Addresses)
	_, hadFour := Typed(have, "A")
	_, hadSix := Typed(have, "AAAA")
	if hadFour && !hadSix && len(four) == 0 {
		return nil, fmt.Errorf("%s has only IPv4 addresses, and the new entry has none: its clients would find nothing", name)
	}
	var want []Set
	if len(four) > 0 {
		want = append(want, Set{Name: name, Type: "A", TTL: seconds, Data: four})
	}
	if len(six) > 0 {
		want = append(want, Set{Name: name, Type: "AAAA", TTL: seconds, Data: six})
	}
	if len(want) == 0 {
		return nil, fmt.Errorf("the new entry has no address that %s could lead to", name)
	}
	if service, had := Typed(have, "HTTPS"); had {
		moved, err := hints(service, four, six)
		if err != nil {
			return nil, err
		}
		moved.TTL = seconds
		want = append(want, moved)
	}
	return want, nil
}

// families splits addresses, each list in one way of writing and sorted.
func families(addresses []string) (four, six []string) {
	for _, a := range addresses {
		ip, err := netip.ParseAddr(a)
		switch ip = ip.Unmap(); {
		case err != nil: // the plan has been checked
		case ip.Is4():
			four = append(four, ip.String())
		default:
			six = append(six, ip.String())
		}
	}
	slices.Sort(four)
	slices.Sort(six)
	return four, six
}

// hints gives an HTTPS set the addresses of the new entry. What else it promises (protocols) is kept; keys for the encrypted
// hello, a port and an alias are promises of the old entry alone.
func hints(s Set, four, six []string) (Set, error) {
	records, err := Records(s)
	if err != nil {
		return Set{}, err
	}
	out := Set{Name: s.Name, Type: s.Type, TTL: s.TTL}
	for _, rr := range records {
		https, ok := rr.(*dns.HTTPS)
		if !ok {
			return Set{}, fmt.Errorf("%s: the HTTPS record cannot be read", s.Name)
		}
		if https.Priority == 0 || https.Target != "." {
			return Set{}, fmt.Errorf("the HTTPS record of %s leads to another name, %s: take it out before the move, caches need its TTL to forget it", s.Name, https.Target)
		}
		for i, v := range https.Value {
			switch v := v.(type) {
			case *dns.SVCBECHConfig, *dns.SVCBPort:
				return Set{}, fmt.Errorf("the HTTPS record of %s has %s, which the new entry may not keep: take it out before the move", s.Name, v.Key())
			case *dns.SVCBIPv4Hint:
				https.Value[i] = hint(strings.Join(four, ","), "ipv4hint")
			case *dns.SVCBIPv6Hint:
				https.Value[i] = hint(strings.Join(six, ","), "ipv6hint")
			}
		}
		https.Value = slices.DeleteFunc(https.Value, func(v dns.SVCBKeyValue) bool { return v == nil })
		out.Data = append(out.Data, data(https))
	}
	slices.Sort(out.Data)
	return out, nil
}

// hint is nil where there is no address of that family.
func hint(addresses, key string) dns.SVCBKeyValue {
	if addresses == "" {
		return nil
	}
	rr, err := dns.NewRR(fmt.Sprintf(". 0 IN HTTPS 1 . %s=%s", key, addresses))
	if https, ok := rr.(*dns.HTTPS); err == nil && ok && len(https.Value) == 1 {
		return https.Value[0]
	}
	return nil
}

// LeadsTo says where a name leads other than to an entry, "" if it leads there. addresses is where its answer ends, aliases
// followed, and known what the entry's host name resolves to.
func LeadsTo(have []Set, addresses []string, to Entry, known []string) string {
	if alias, is := Typed(have, "CNAME"); is && to.Hostname != "" && alias.Data[0] == dns.Fqdn(strings.ToLower(to.Hostname)) {
		return ""
	}
	mine := slices.Concat(canonicalAll(to.Addresses), canonicalAll(known))
	var other []string
	for _, a := range addresses {
		if !slices.Contains(mine, a) {
			other = append(other, a)
		}
	}
	switch {
	case len(other) > 0:
		return strings.Join(other, ", ")
	case len(addresses) == 0 && len(have) == 0:
		return "nowhere"
	case len(addresses) == 0:
		return words(have)
	}
	return ""
}

func canonicalAll(addresses []string) []string {
	four, six := families(addresses)
	return append(four, six...)
}
