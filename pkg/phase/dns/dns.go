// Package dns describes the phase that leads clients from old's entry to new's: one swap of records per zone, all families
// and types of a name at once, only if the zone still has what was seen, and only once no cache can hold an answer with the
// TTL of before. Every backend is still old while it runs. It ends when no cache can hold the old address either, and looks
// until then that nobody swaps back. It is taken back by the same swap the other way round, and
// is back when no cache can hold the new address: until then the new entry has to serve, so what came before stays.
package dns

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/reach"
	"cutover.dev/cutover/pkg/zone"
)

// Name is the name of the phase.
const Name = "dns"

// Deps is what the phase is made of.
type Deps = parts.Deps

const atOnce = 8 // zones

// New describes the phase.
func New(d Deps) phase.Phase {
	return phase.Phase{
		Name: Name, After: []string{"ttl", "routes"}, Access: names.Access(d),
		Steps: func(_ context.Context, past phase.Past) ([]phase.Group, error) {
			scopes, err := names.Of(d)
			if err != nil {
				return nil, err
			}
			ripe := phase.Group{Name: "ripe", Limit: atOnce}
			swap := phase.Group{Name: "swap", Limit: atOnce, Before: []phase.Step{names.ExternalDNS(d)}}
			rest := phase.Group{Name: "rest", Limit: atOnce}
			for _, s := range scopes {
				ripe.Lanes = append(ripe.Lanes, phase.Lane{ripeProof(d, past, s)})
				swap.Before = append(swap.Before, names.KeyProof(s), names.MoveProof(s, move(d, past, s)), keptProof(d, past, s), resolverProof(d, past, s))
				swap.Back = append(swap.Back, names.KeyProof(s))
				swap.Lanes = append(swap.Lanes, phase.Lane{move(d, past, s).Step()})
				rest.Lanes = append(rest.Lanes, phase.Lane{restProof(d, past, s)})
			}
			return []phase.Group{ripe, swap, rest}, nil
		},
	}
}

func entryOf(e plan.Entry) zone.Entry {
	return zone.Entry{Addresses: e.Addresses, Hostname: e.Hostname}
}

// move is the swap of one zone.
func move(d Deps, past phase.Past, s names.Scope) *zone.Move {
	within, seconds := names.Serving(d.Plan), names.Seconds(d.Plan)
	old, next := entryOf(d.Plan.Spec.Entry.Old), entryOf(d.Plan.Spec.Entry.New)
	var swapped bool   // by this process
	var back time.Time // when this process began to go back
	key := names.SwappedFact + s.Zone.Name
	lead := func(name string, have []zone.Set) ([]zone.Set, error) {
		if name == s.Zone.Name && next.Hostname != "" {
			return nil, fmt.Errorf("%s is the apex of its zone, where no CNAME can stand: spec.entry.new needs addresses", name)
		}
		return zone.Lead(name, have, next, seconds)
	}
	return &zone.Move{
		Zone: s.Zone, Names: s.Names, ID: "swap:" + s.Zone.Name,
		Title: fmt.Sprintf("lead %d names in zone %s to the entry of new", len(s.Names), s.Zone.Name),
		Limit: within.Limit, Knob: within.Name, Intent: map[string]any{"ttl": seconds, "names": s.Names, "to": next},
		Want: func(ctx context.Context, name string, seen zone.Seen) ([]zone.Set, error) {
			if len(seen.Own) == 0 {
				return nil, names.Absent(name, seen, s.Names)
			}
			want, err := lead(name, seen.Own)
			if err != nil || zone.Same(want, seen.Own) {
				return want, err
			}
			if where := leadsElsewhere(ctx, d.Reach.From(d.Plan.Spec.DNS.From), seen, old); where != "" {
				return nil, fmt.Errorf("%s does not lead to the entry of old but to %s", name, where)
			}
			return want, nil
		},
		Back: func(name string, have, was []zone.Set) ([]zone.Set, error) {
			became, err := lead(name, was)
			if zone.Same(have, was) || err == nil && zone.Same(have, became) {
				return was, nil
			}
			return nil, fmt.Errorf("%s was changed by somebody else since the swap, and has %v", name, have)
		},
		Begins: func([]zone.Reading) map[string]any {
			swapped = true
			return map[string]any{key: time.Time{}}
		},
		Ends: func(ctx context.Context, _ []zone.Reading) (map[string]any, error) {
			var at time.Time
			facts := map[string]any{}
			if _, err := past.Fact(key, &at); err != nil {
				return nil, fmt.Errorf("read fact %s: %w", key, err)
			}
			back, err := backAt(past, s)
			if at.IsZero() || swapped || !back.IsZero() {
				swapped, at = false, time.Now().UTC()
				if counted := count(ctx, d, s); counted != nil {
					facts[names.LateFact+s.Zone.Name] = *counted
				}
			}
			facts[key] = at
			if !back.IsZero() { // somebody began to go back, and then went ahead again
				facts[names.BackFact+s.Zone.Name] = time.Time{}
			}
			return facts, err
		},
		Returns: func(o phase.Observation) (phase.Observation, error) {
			if back.IsZero() {
				back = time.Now()
			}
			return forgotten(d, past, s, back.Add(within.Limit), o)
		},
	}
}

// leadsElsewhere says where a name leads, "" if to old. What the name servers of the zone do not know, the resolver does.
func leadsElsewhere(ctx context.Context, by reach.Dialer, seen zone.Seen, old zone.Entry) string {
	var known []string
	addresses := slices.Clone(seen.Answer.Addresses)
	if old.Hostname != "" {
		known = lookup(ctx, by, old.Hostname)
	}
	if alias, is := zone.Typed(seen.Own, "CNAME"); is && len(addresses) == 0 {
		addresses = lookup(ctx, by, alias.Data[0])
	}
	return zone.LeadsTo(seen.Own, addresses, old, known)
}

func lookup(ctx context.Context, by reach.Dialer, host string) []string {
	found, err := by.LookupHost(ctx, host)
	if err != nil {
		return nil // it leads nowhere that anybody could tell, which is a no
	}
	return found
}
