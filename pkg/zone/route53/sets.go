package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/zone"
)

// listing is what the service has under each name, in its own words: only what repeats these is deleted.
type listing map[string][]types.ResourceRecordSet

func (e *Editor) list(ctx context.Context) (listing, error) {
	doing := "read zone " + e.zone
	client, id, err := e.hosted(ctx)
	if err != nil {
		return nil, err
	}
	all := listing{}
	pages := api.NewListResourceRecordSetsPaginator(client, &api.ListResourceRecordSetsInput{HostedZoneId: &id})
	for pages.HasMorePages() {
		page, err := e.next(ctx, pages)
		if err != nil {
			return nil, e.judge(doing, err)
		}
		for _, raw := range page.ResourceRecordSets {
			name := ownerOf(aws.ToString(raw.Name))
			all[name] = append(all[name], raw)
		}
	}
	return all, nil
}

func (e *Editor) next(ctx context.Context, pages *api.ListResourceRecordSetsPaginator) (*api.ListResourceRecordSetsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return pages.NextPage(ctx)
}

// plain is what a name owns. The error names each set that is more than its data.
func (l listing) plain(name string) (sets []zone.Set, err error) {
	var nos []error
	for _, raw := range l[name] {
		if !slices.Contains(zone.Types, string(raw.Type)) {
			continue
		}
		if why := special(raw); why != "" {
			nos = append(nos, fmt.Errorf("%s %s %s", name, raw.Type, why))
			continue
		}
		s, err := plain(name, raw)
		sets, nos = append(sets, s), append(nos, err)
	}
	return sets, errors.Join(nos...)
}

// special says what makes a set more than its data, "" if nothing does.
func special(raw types.ResourceRecordSet) string {
	switch {
	case raw.AliasTarget != nil:
		return "is an alias of " + aws.ToString(raw.AliasTarget.DNSName) + ", whose TTL is not its own"
	case raw.TrafficPolicyInstanceId != nil:
		return "belongs to a traffic policy"
	case raw.SetIdentifier != nil:
		return "is one of several by a routing policy (weighted, latency, failover or the like), " + strconv.Quote(aws.ToString(raw.SetIdentifier))
	case raw.HealthCheckId != nil:
		return "has a health check"
	}
	return ""
}

// plain is a set as the rest of the program writes it.
func plain(name string, raw types.ResourceRecordSet) (zone.Set, error) {
	var records []dns.RR
	for _, r := range raw.ResourceRecords {
		rr, err := dns.NewRR(fmt.Sprintf(". %d IN %s %s", aws.ToInt64(raw.TTL), raw.Type, aws.ToString(r.Value)))
		if err != nil || rr == nil {
			return zone.Set{}, fmt.Errorf("%s %s has a value that cannot be read: %q", name, raw.Type, aws.ToString(r.Value))
		}
		rr.Header().Name = dns.Fqdn(name)
		records = append(records, rr)
	}
	if sets := zone.Sets(records); len(sets) == 1 {
		return sets[0], nil
	}
	return zone.Set{}, fmt.Errorf("%s %s has no value", name, raw.Type)
}

// raw is a set as the service writes it.
func raw(s zone.Set) types.ResourceRecordSet {
	out := types.ResourceRecordSet{Name: aws.String(s.Name + "."), Type: types.RRType(s.Type), TTL: aws.Int64(int64(s.TTL))}
	for _, d := range s.Data {
		out.ResourceRecords = append(out.ResourceRecords, types.ResourceRecord{Value: aws.String(d)})
	}
	return out
}

// ownerOf is a name as zone.Set has it. The service writes what is neither letter, digit, dash nor underscore as \ooo.
func ownerOf(name string) string {
	var b strings.Builder
	for rest := strings.TrimSuffix(strings.ToLower(name), "."); rest != ""; {
		if len(rest) > 3 && rest[0] == '\\' {
			if c, err := strconv.ParseUint(rest[1:4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				rest = rest[4:]
				continue
			}
		}
		b.WriteByte(rest[0])
		rest = rest[1:]
	}
	return b.String()
}

// batch counts what the service limits.
type batch struct {
	changes             []types.Change
	records, characters int
}

func (b *batch) add(action types.ChangeAction, raw types.ResourceRecordSet) {
	b.changes = append(b.changes, types.Change{Action: action, ResourceRecordSet: &raw})
	b.records += len(raw.ResourceRecords)
	for _, r := range raw.ResourceRecords {
		b.characters += len(aws.ToString(r.Value))
	}
}
