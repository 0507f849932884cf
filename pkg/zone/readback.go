package zone

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// Reading is what one server serves, or why it could not be asked.
type Reading struct {
	Server  Server
	Serial  uint32
	Answers map[string]map[string]Answer // by network, by name
	Err     error
	Bogus   []string // of a signed zone: what has no signature that validates
	Skipped bool     // this machine has no road to an address of its kind, and asked the same server at another one
}

// networks are both asked: a firewall may let one pass and not the other, and big answers need TCP.
var networks = []string{"udp", "tcp"}

// Read asks every address of every authoritative server for names. That one of them does not answer stands in its Reading;
// the error says that nobody could be asked at all.
func (z *Zone) Read(ctx context.Context, names []string) ([]Reading, error) {
	servers, err := z.Servers(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the name servers of %s: %w", z.Name, err)
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("find the name servers of %s: there is none", z.Name)
	}
	all := make([]Reading, len(servers))
	var group errgroup.Group
	for i, s := range servers {
		group.Go(func() error {
			all[i] = read(ctx, z.Name, s, names)
			return nil
		})
	}
	_ = group.Wait() // no function of it fails
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !slices.ContainsFunc(all, func(r Reading) bool { return !r.Skipped }) {
		return nil, fmt.Errorf("ask the name servers of %s: this machine has no road to any of their addresses", z.Name)
	}
	unasked(all)
	return all, nil
}

var errNoRoad = errors.New("this machine has no IPv6, and the server no other address: run it where there is IPv6, or name the servers to ask in spec.dns.zones[].servers")

// unasked tells an address that was left out from a server of which nobody knows what it serves: resolvers with IPv6 ask it.
func unasked(all []Reading) {
	for i, r := range all {
		asked := slices.ContainsFunc(all, func(o Reading) bool { return !o.Skipped && o.Err == nil && o.Server.Name == r.Server.Name })
		if r.Skipped && (r.Server.Name == "" || !asked) {
			all[i].Skipped, all[i].Err = false, errNoRoad
		}
	}
}

// spoken is how many addresses were asked, in words, and how many were not.
func spoken(readings []Reading) string {
	left := 0
	for _, r := range readings {
		if r.Skipped {
			left++
		}
	}
	text := fmt.Sprintf("%d addresses of name servers", len(readings)-left)
	if left > 0 {
		text += fmt.Sprintf(" (%d more are IPv6, which this machine has not: the same servers were asked over IPv4)", left)
	}
	return text
}

func read(ctx context.Context, zone string, s Server, names []string) Reading {
	r := Reading{Server: s, Answers: map[string]map[string]Answer{}}
	soa, err := ask(ctx, "tcp", s, []question{{zone, dns.TypeSOA}}, false)
	if noRoad(s, err) {
		r.Skipped = true
		return r
	}
	if err != nil {
		r.Err = err
		return r
	}
	for _, rr := range soa[0].Answer {
		if rr, ok := rr.(*dns.SOA); ok {
			r.Serial = rr.Serial
		}
	}
	for _, network := range networks {
		answers, err := Ask(ctx, s, network, names)
		r.Answers[network], r.Err = answers, errors.Join(r.Err, err)
	}
	if r.Err == nil {
		r.Bogus, r.Err = bogus(ctx, zone, s, names)
	}
	return r
}

// noRoad: an address of IPv6, asked from a machine without IPv6, tells nothing about the server.
func noRoad(s Server, err error) bool {
	at, bad := netip.ParseAddrPort(s.Addr)
	return err != nil && bad == nil && at.Addr().Is6() && !at.Addr().Is4In6() &&
		(errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL))
}

// Behind names every server that does not serve want yet, with what it serves instead; nil: all do.
func Behind(readings []Reading, want Names) []string {
	var behind []string
	for _, r := range readings {
		switch {
		case r.Skipped:
		case r.Err != nil:
			behind = append(behind, fmt.Sprintf("%s could not be asked: %v", r.Server, r.Err))
		case len(r.Bogus) > 0:
			behind = append(behind, fmt.Sprintf("%s, serial %d, serves what validating resolvers refuse: %s", r.Server, r.Serial, few(r.Bogus)))
		default:
			if wrong := r.differs(want); len(wrong) > 0 {
				behind = append(behind, fmt.Sprintf("%s, serial %d, serves %s", r.Server, r.Serial, few(wrong)))
			}
		}
	}
	return behind
}

func (r Reading) differs(want Names) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		for _, network := range networks {
			answer, given := r.Answers[network][name]
			if !given && network == "udp" {
				continue // every answer was too long for a datagram
			}
			if !Same(answer.Sets, want[name]) {
				wrong = append(wrong, fmt.Sprintf("%s: %s over %s instead of %s", name, words(answer.Sets), strings.ToUpper(network), words(want[name])))
				break
			}
		}
	}
	return wrong
}

// Longest is the longest TTL that any server serves for any of the names, along the whole chain, in seconds.
func Longest(readings []Reading) uint32 {
	var longest uint32
	for _, r := range readings {
		for _, answers := range r.Answers {
			for _, a := range answers {
				longest = max(longest, a.Longest)
			}
		}
	}
	return longest
}
