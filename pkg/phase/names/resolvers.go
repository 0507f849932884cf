package names

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/zone"
)

const (
	mostResolved = 8 // questions to one resolver at once
	mostNamed    = 5 // differences that are told in full
)

// ResolverProof asks the resolvers of the plan for every name. One that has a zone of the same name of its own, as offices and
// private networks do, would keep its clients at the old entry for ever.
func ResolverProof(d parts.Deps, s Scope) phase.Step {
	return phase.Step{
		ID: "prove:resolvers/" + s.Zone.Name, Title: "see that the resolvers of the plan answer for zone " + s.Zone.Name + " as its name servers do",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			others, err := Strangers(ctx, d, s)
			switch {
			case err != nil:
				return phase.Observation{}, err
			case len(others) > 0:
				return phase.Observation{State: phase.Failed, Detail: "a resolver answers from another zone of that name, whose clients would stay at old: " + strings.Join(others, "; ")}, nil
			case len(d.Plan.Spec.DNS.Resolvers) == 0:
				return phase.Observation{State: phase.Done, Detail: "the plan names no resolver (spec.dns.resolvers), so no other zone of that name was looked for"}, nil
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d resolvers answer alike", len(d.Plan.Spec.DNS.Resolvers))}, nil
		},
	}
}

// Strangers lists what resolvers of the plan answer and no name server of the zone does. Answers of before a change are among
// it until caches forget them.
func Strangers(ctx context.Context, d parts.Deps, s Scope) ([]string, error) {
	resolvers := d.Plan.Spec.DNS.Resolvers
	if len(resolvers) == 0 {
		return nil, nil
	}
	readings, err := s.Zone.Read(ctx, s.Names)
	if err != nil {
		return nil, err
	}
	found := make([][]string, len(resolvers))
	var group errgroup.Group
	for i, at := range resolvers {
		group.Go(func() (err error) {
			found[i], err = strangersAt(ctx, d.Reach.From(d.Plan.Spec.DNS.From), at, s.Names, readings)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(found...)
	if more := len(all) - mostNamed; more > 0 {
		all = append(all[:mostNamed:mostNamed], fmt.Sprintf("and %d more", more))
	}
	return all, nil
}

func strangersAt(ctx context.Context, by zone.Dialer, at string, names []string, readings []zone.Reading) ([]string, error) {
	found := make([]string, len(names))
	var group errgroup.Group
	group.SetLimit(mostResolved)
	for i, name := range names {
		var own []string
		for _, r := range readings {
			own = append(own, r.Answers["tcp"][name].Addresses...)
		}
		if len(own) == 0 { // an alias of another zone: its name servers do not know where it ends
			continue
		}
		group.Go(func() error {
			got, err := zone.Resolve(ctx, zone.Server{Addr: at, By: by}, name)
			if err != nil {
				return err
			}
			if len(got) == 0 || slices.ContainsFunc(got, func(a string) bool { return !slices.Contains(own, a) }) {
				found[i] = fmt.Sprintf("%s says that %s leads to %s, its name servers say %s", at, name, orNothing(got), orNothing(own))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(s string) bool { return s == "" }), nil
}

func orNothing(addresses []string) string {
	if len(addresses) == 0 {
		return "nothing"
	}
	addresses = slices.Clone(addresses)
	slices.Sort(addresses)
	return strings.Join(slices.Compact(addresses), ", ")
}
