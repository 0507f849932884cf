// Package webhook changes a zone through a webhook provider of external-dns, and with that at every DNS service that has one:
// the providers that external-dns itself serves with --webhook-server (Google, Azure and others), and those of third parties.
// The provider holds the credentials of the service; it runs beside this program and answers on an address of its own.
//
// The protocol knows neither conditions nor transactions: what is there is read right before it is changed, who writes in between
// may be overwritten or mixed in, and a list of changes may be carried out in part. A plan has to allow that. Nor does it say in
// which order things are created and deleted, so an alias is never changed into addresses or back: providers of external-dns
// would leave the name empty on the way, and one of them for good. HTTPS records are unknown to it, and a name that has one is
// refused. Its errors are numbers: what went wrong is in the log of the provider.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/zone"
)

// kinds are those of zone.Types that the protocol knows.
var kinds = []string{"A", "AAAA", "CNAME"}

// Editor is one zone behind one provider.
type Editor struct {
	Zone    string
	URL     string                                       // of the provider, without a path
	Servers func(context.Context) ([]zone.Server, error) // who answers for the zone: they know what the protocol does not
}

// Abilities is zone.Editor's.
func (e *Editor) Abilities() zone.Abilities { return zone.Abilities{Types: kinds, AliasStays: true} }

// Get is zone.Editor's. It reads all that the provider has.
func (e *Editor) Get(ctx context.Context, names []string) (zone.Names, error) {
	have, err := e.list(ctx)
	if err != nil {
		return nil, err
	}
	nos, err := e.unknown(ctx, names)
	if err != nil {
		return nil, err
	}
	return zone.Listing(have.plain).Names(names, "make each of them a plain record with a TTL before the move, or put the host into spec.dns.skip", nos...)
}

// unknown names what has an HTTPS record, which a client may prefer to all that the protocol can change.
func (e *Editor) unknown(ctx context.Context, names []string) (nos []error, err error) {
	servers, err := e.Servers(ctx)
	if err != nil {
		return nil, err
	}
	last := errors.New("there is no name server")
	for _, s := range servers {
		var answers map[string]zone.Answer
		if answers, last = zone.Ask(ctx, s, "tcp", names); last != nil {
			continue
		}
		for _, name := range names {
			if _, has := zone.Typed(answers[name].Sets, "HTTPS"); has {
				nos = append(nos, fmt.Errorf("%s has an HTTPS record, which the webhook protocol does not know", name))
			}
		}
		return nos, nil
	}
	return nil, fmt.Errorf("look for HTTPS records in zone %s: %w", e.Zone, last)
}

// Swap is zone.Editor's, but for the moment between its look and its write.
func (e *Editor) Swap(ctx context.Context, list []zone.Change) error {
	if len(list) == 0 {
		return errors.New("nothing to change")
	}
	doing := fmt.Sprintf("change %d names in zone %s", len(list), e.Zone)
	have, err := e.list(ctx)
	if err != nil {
		return err
	}
	if err := zone.Listing(have.plain).As(list); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	var c changes
	for _, change := range list {
		if err := c.add(doing, have[change.Name], change); err != nil {
			return err
		}
	}
	if err := e.adjusted(ctx, doing, c.Create, c.UpdateNew); err != nil {
		return err
	}
	return e.call(ctx, doing, http.MethodPost, "/records", c, nil)
}

// adjusted asks the provider what it would make of what is wanted. It may add properties of its own, and nothing else.
func (e *Editor) adjusted(ctx context.Context, doing string, lists ...[]endpoint) error {
	for _, list := range lists {
		if len(list) == 0 {
			continue
		}
		var back []endpoint
		if err := e.call(ctx, doing, http.MethodPost, "/adjustendpoints", list, &back); err != nil {
			return err
		}
		for i, want := range list {
			j := slices.IndexFunc(back, func(o endpoint) bool { return o.DNSName == want.DNSName && o.RecordType == want.RecordType })
			if j < 0 || back[j].RecordTTL != want.RecordTTL || !slices.Equal(slices.Sorted(slices.Values(back[j].Targets)), slices.Sorted(slices.Values(want.Targets))) {
				return fault.New(fault.Refused, "choose a TTL that the provider takes", "%s: the webhook provider would make something else of %s", doing, want)
			}
			list[i] = back[j]
		}
	}
	return nil
}

// Check is zone.Editor's. The protocol has no way to ask whether the provider's credentials let it write.
func (e *Editor) Check(ctx context.Context) error {
	var filter struct {
		Include, Exclude           []string
		RegexInclude, RegexExclude string
	}
	doing := "see whether the webhook provider serves zone " + e.Zone
	if err := e.call(ctx, doing, http.MethodGet, "/", nil, &filter); err != nil {
		return err
	}
	covers := func(domains []string) bool {
		return slices.ContainsFunc(domains, func(d string) bool {
			d = strings.Trim(strings.ToLower(d), ".")
			return d == "" || e.Zone == d || strings.HasSuffix(e.Zone, "."+d)
		})
	}
	fits := func(pattern string) bool {
		re, err := regexp.Compile(pattern)
		return err == nil && re.MatchString(e.Zone)
	}
	if len(filter.Include) > 0 && !covers(filter.Include) || covers(filter.Exclude) ||
		filter.RegexInclude != "" && !fits(filter.RegexInclude) || filter.RegexExclude != "" && fits(filter.RegexExclude) {
		return fault.New(fault.Refused, "set its --domain-filter so that it covers the whole zone: names outside of it are left out without a word",
			"%s: its domain filter leaves the zone out", doing)
	}
	return nil
}
