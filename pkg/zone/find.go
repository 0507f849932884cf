package zone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/fault"
)

// Finder finds who answers for a zone: every address of every NS record. It refuses a zone whose parent names others than the
// zone itself, since then nobody knows whom resolvers ask.
type Finder struct {
	Zone string
	Via  string // host:port of a server that has the zone; "": one that the system's resolver finds

	Port    string                                                   // of every name server; "": 53
	Lookup  func(ctx context.Context, host string) ([]string, error) // nil: the system's resolver
	Parents func(ctx context.Context, zone string) ([]string, error) // host:port of servers of the zone above; nil: by the system's resolver
}

// Find is the Servers of a Zone.
func (f Finder) Find(ctx context.Context) ([]Server, error) {
	if f.Port == "" {
		f.Port = "53"
	}
	if f.Lookup == nil {
		f.Lookup = net.DefaultResolver.LookupHost
	}
	if f.Parents == nil {
		f.Parents = f.parents
	}
	if f.Via == "" {
		if err := f.anyServer(ctx); err != nil {
			return nil, fmt.Errorf("find a name server of %s: %w", f.Zone, err)
		}
	}
	names, err := f.own(ctx)
	if err != nil {
		return nil, err
	}
	above, err := f.delegated(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w (spec.dns.zones[].servers can name the servers of a zone that is not public)", err)
	}
	if !slices.Equal(names, above) {
		return nil, fault.New(fault.Refused, "set the delegation right, or name the servers in spec.dns.zones[].servers",
			"zone %s names its servers as %s, and the zone above it as %s", f.Zone, strings.Join(names, ", "), strings.Join(above, ", "))
	}
	var all []Server
	for _, name := range names {
		addresses, err := f.addresses(ctx, name)
		if err != nil || len(addresses) == 0 {
			return nil, fmt.Errorf("find the addresses of name server %s: %w", name, errors.Join(err, errNone))
		}
		for _, a := range addresses {
			all = append(all, Server{Name: name, Addr: net.JoinHostPort(a, f.Port)})
		}
	}
	return all, nil
}

var errNone = errors.New("there is none")

// anyServer takes the first name server that the resolver knows.
func (f *Finder) anyServer(ctx context.Context) error {
	records, err := net.DefaultResolver.LookupNS(ctx, f.Zone)
	if err != nil {
		return err
	}
	for _, ns := range records {
		var addresses []string
		if addresses, err = f.Lookup(ctx, ns.Host); len(addresses) > 0 {
			f.Via = net.JoinHostPort(addresses[0], f.Port)
			return nil
		}
	}
	return errors.Join(err, errNone)
}

// own is what the zone says itself.
func (f Finder) own(ctx context.Context) ([]string, error) {
	answers, err := ask(ctx, "tcp", Server{Addr: f.Via}, []question{{f.Zone, dns.TypeNS}}, false)
	if err != nil {
		return nil, err
	}
	if err := authority(answers[0]); err != nil {
		return nil, fmt.Errorf("%s, asked for the NS records of %s, %w", f.Via, f.Zone, err)
	}
	names := servers(f.Zone, answers[0].Answer)
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no NS record of %s", f.Via, f.Zone)
	}
	return names, nil
}

// delegated is what the zone above says.
func (f Finder) delegated(ctx context.Context) ([]string, error) {
	parents, err := f.Parents(ctx, f.Zone)
	if err != nil {
		return nil, fmt.Errorf("find the zone above %s: %w", f.Zone, err)
	}
	var last error = errNone
	for _, addr := range parents {
		answers, err := ask(ctx, "tcp", Server{Addr: addr}, []question{{f.Zone, dns.TypeNS}}, false)
		if err != nil {
			last = err
			continue
		}
		if names := servers(f.Zone, slices.Concat(answers[0].Answer, answers[0].Ns)); len(names) > 0 {
			return names, nil
		}
		last = fmt.Errorf("%s does not delegate it", addr)
	}
	return nil, fmt.Errorf("see how zone %s is delegated: %w", f.Zone, last)
}

// servers lists the NS records of a zone.
func servers(zone string, records []dns.RR) (names []string) {
	for _, rr := range records {
		if ns, ok := rr.(*dns.NS); ok && canonical(ns.Hdr.Name) == zone && !slices.Contains(names, canonical(ns.Ns)) {
			names = append(names, canonical(ns.Ns))
		}
	}
	slices.Sort(names)
	return names
}

// addresses asks the zone itself for names in it: it may be that nobody else can.
func (f Finder) addresses(ctx context.Context, name string) (all []string, err error) {
	if name != f.Zone && !strings.HasSuffix(name, "."+f.Zone) {
		return f.Lookup(ctx, name)
	}
	answers, err := ask(ctx, "tcp", Server{Addr: f.Via}, []question{{name, dns.TypeA}, {name, dns.TypeAAAA}}, false)
	if err != nil {
		return nil, err
	}
	for _, m := range answers {
		for _, s := range Sets(m.Answer) {
			if s.Type == "A" || s.Type == "AAAA" {
				all = append(all, s.Data...)
			}
		}
	}
	return all, nil
}

// parents finds the servers of the next zone above by the system's resolver.
func (f Finder) parents(ctx context.Context, zone string) ([]string, error) {
	for rest := zone; ; {
		_, above, found := strings.Cut(rest, ".")
		if !found {
			above = "."
		}
		records, err := net.DefaultResolver.LookupNS(ctx, above)
		var addrs []string
		for _, ns := range records {
			found, failed := f.Lookup(ctx, ns.Host)
			err = errors.Join(err, failed)
			for _, a := range found {
				addrs = append(addrs, net.JoinHostPort(a, f.Port))
			}
		}
		if len(addrs) > 0 {
			return addrs, nil
		}
		if !found {
			return nil, errors.Join(err, errNone)
		}
		rest = above
	}
}
