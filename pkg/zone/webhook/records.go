package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/zone"
)

// endpoint is one set in the words of external-dns. What is not looked at is carried along.
type endpoint struct {
	DNSName          string            `json:"dnsName"`
	Targets          []string          `json:"targets"`
	RecordType       string            `json:"recordType"`
	SetIdentifier    string            `json:"setIdentifier,omitempty"`
	RecordTTL        int64             `json:"recordTTL,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	ProviderSpecific []property        `json:"providerSpecific,omitempty"`
}

type property struct {
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
}

func (e endpoint) String() string {
	return fmt.Sprintf("%s %d %s %s", e.DNSName, e.RecordTTL, e.RecordType, strings.Join(e.Targets, ", "))
}

// changes are made in an order that every provider chooses by itself.
type changes struct {
	Create    []endpoint `json:"create,omitempty"`
	UpdateOld []endpoint `json:"updateOld,omitempty"`
	UpdateNew []endpoint `json:"updateNew,omitempty"`
	Delete    []endpoint `json:"delete,omitempty"`
}

// add lists what makes a name what is wanted.
func (c *changes) add(doing string, have []endpoint, change zone.Change) error {
	_, alias := zone.Typed(change.Want, "CNAME")
	_, was := zone.Typed(change.Was, "CNAME")
	if alias != was && len(change.Want) > 0 && len(have) > 0 {
		return fault.New(fault.Refused, "let it be an alias before and after the move, or addresses; or move it by hand (manual: {})",
			"%s: %s would change between alias and addresses, which the webhook protocol cannot do at once", doing, change.Name)
	}
	left := slices.Clone(have)
	for _, s := range change.Want {
		if !slices.Contains(kinds, s.Type) {
			return fault.New(fault.Refused, "take it out before the move", "%s: the webhook protocol does not know the type of %s", doing, s)
		}
		want := endpoint{DNSName: s.Name, RecordType: s.Type, RecordTTL: int64(s.TTL)}
		for _, d := range s.Data {
			want.Targets = append(want.Targets, strings.TrimSuffix(d, "."))
		}
		i := slices.IndexFunc(left, func(e endpoint) bool { return e.RecordType == s.Type })
		if i < 0 {
			c.Create = append(c.Create, want)
			continue
		}
		old := left[i]
		left = slices.Delete(left, i, i+1)
		if before, _ := plain(s.Name, old); zone.Same([]zone.Set{before}, []zone.Set{s}) {
			continue
		}
		want.Labels, want.ProviderSpecific = old.Labels, old.ProviderSpecific
		c.UpdateOld, c.UpdateNew = append(c.UpdateOld, old), append(c.UpdateNew, want)
	}
	for _, old := range left {
		if slices.Contains(kinds, old.RecordType) {
			c.Delete = append(c.Delete, old)
		}
	}
	return nil
}

// listing is what the provider has under each name, of all types.
type listing map[string][]endpoint

func (e *Editor) list(ctx context.Context) (listing, error) {
	var records []endpoint
	if err := e.call(ctx, "read zone "+e.Zone, http.MethodGet, "/records", nil, &records); err != nil {
		return nil, err
	}
	all := listing{}
	for _, r := range records {
		name := strings.TrimSuffix(strings.ToLower(r.DNSName), ".")
		all[name] = append(all[name], r)
	}
	return all, nil
}

// plain is what a name owns. The error names each set that is more than its data.
func (l listing) plain(name string) (sets []zone.Set, err error) {
	var nos []error
	for _, r := range l[name] {
		if !slices.Contains(kinds, r.RecordType) {
			continue
		}
		_, twice := zone.Typed(sets, r.RecordType)
		if why := special(r, twice); why != "" {
			nos = append(nos, fmt.Errorf("%s %s %s", name, r.RecordType, why))
			continue
		}
		s, err := plain(name, r)
		sets, nos = append(sets, s), append(nos, err)
	}
	return sets, errors.Join(nos...)
}

// special says what makes a set more than its data, "" if nothing does.
func special(r endpoint, twice bool) string {
	switch {
	case r.SetIdentifier != "":
		return fmt.Sprintf("is one of several by a routing policy, %q", r.SetIdentifier)
	case twice:
		return "is there twice: the provider serves two zones of that name, and has to be told which"
	case r.RecordTTL <= 0:
		return "has no TTL of its own"
	}
	for _, p := range r.ProviderSpecific {
		if yes := p.Value != "" && p.Value != "false"; yes && (p.Name == "alias" || strings.HasSuffix(p.Name, "cloudflare-proxied")) {
			return "is answered by other rules than its data: " + p.Name + "=" + p.Value
		}
	}
	return ""
}

// plain is a set as the rest of the program writes it.
func plain(name string, r endpoint) (zone.Set, error) {
	var records []dns.RR
	for _, target := range r.Targets {
		if r.RecordType == "CNAME" {
			target = dns.Fqdn(target)
		}
		rr, err := dns.NewRR(fmt.Sprintf(". %d IN %s %s", r.RecordTTL, r.RecordType, target))
		if err != nil || rr == nil {
			return zone.Set{}, fmt.Errorf("%s %s has a target that cannot be read: %q", name, r.RecordType, target)
		}
		rr.Header().Name = dns.Fqdn(name)
		records = append(records, rr)
	}
	if sets := zone.Sets(records); len(sets) == 1 {
		return sets[0], nil
	}
	return zone.Set{}, fmt.Errorf("%s %s has no target", name, r.RecordType)
}
