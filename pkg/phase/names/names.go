// Package names holds what the phases that deal with DNS share: which host is in which zone, the proofs that they ask before
// they write, the facts that they leave for each other, and the way to put a TTL back. It must not decide what a phase does or
// in which order, and imports no phase.
package names

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone"
)

// Facts, by zone.
const (
	BeforeFact  = "ttl.before/"  // how long caches may hold what was served before the TTLs were lowered
	WasFact     = "ttl.was/"     // what each name owned then, so that cleanup can put the TTLs back
	SeenFact    = "ttl.seenAt/"  // when every server first served the lowered TTLs
	SwappedFact = "dns.swapped/" // when every server first served the new records
	BackFact    = "dns.back/"    // when every server first served the old records again; zero: the way back was given up
)

// Scope is one zone with the hosts of the inventory in it.
type Scope struct {
	Zone  *zone.Zone
	Names []string // sorted
}

// Of sorts the hosts of the inventory into zones. The error, a no, names the hosts that are in none, and zones without hosts.
func Of(d parts.Deps) ([]Scope, error) {
	hosts := map[string]bool{}
	for i := range d.Inventory.Ingresses {
		for _, r := range ingress.Routes(&d.Inventory.Ingresses[i].Object) {
			if host := strings.ToLower(r.Host); host != "" && !slices.Contains(d.Plan.Spec.DNS.Skip, host) {
				hosts[host] = true
			}
		}
	}
	var all []Scope
	for _, z := range d.Zones {
		all = append(all, Scope{Zone: z})
	}
	var nos []error
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		z := zone.Of(d.Zones, host)
		i := slices.IndexFunc(all, func(s Scope) bool { return s.Zone == z })
		if i < 0 {
			nos = append(nos, fault.New(fault.Refused, "add its zone to spec.dns.zones, or the host to spec.dns.skip", "host %s is in no zone of the plan", host))
			continue
		}
		all[i].Names = append(all[i].Names, host)
	}
	for _, s := range all {
		if len(s.Names) == 0 && len(hosts) > 0 {
			nos = append(nos, fault.New(fault.Refused, "take it out of spec.dns.zones", "zone %s has no host of old in it", s.Zone.Name))
		}
	}
	return all, errors.Join(nos...)
}

// Covered says whether one of the names is the wildcard that answers for name.
func Covered(name string, names []string) bool {
	for rest := name; ; {
		_, parent, found := strings.Cut(rest, ".")
		if !found {
			return false
		}
		if slices.Contains(names, "*."+parent) {
			return true
		}
		rest = parent
	}
}

// Absent judges a name that owns nothing: it is no concern of ours if a wildcard in scope answers for it.
func Absent(name string, s zone.Seen, names []string) error {
	switch {
	case len(s.Answer.Sets) == 0:
		return fault.New(fault.Refused, "add a record, or the host to spec.dns.skip", "%s has no address record, so no client comes by it", name)
	case !Covered(name, names):
		return fault.New(fault.Refused, "give it a record of its own", "%s is answered by a wildcard that is no host of old: others would move with it", name)
	}
	return nil
}

// Serving is how long the slowest name server may take to serve a change.
func Serving(p *plan.Plan) parts.Knob {
	return parts.Knob{Limit: cmp.Or(time.Duration(p.Spec.Windows.Zones), 10*time.Minute), Name: "windows.zones"}
}

// Seconds is the TTL during the move.
func Seconds(p *plan.Plan) uint32 {
	return uint32(cmp.Or(time.Duration(p.Spec.DNS.TTL), time.Minute) / time.Second) //nolint:gosec // the plan bounds it
}

// KeyProof asks the server of a zone whether it would let a change in, before anything is changed.
func KeyProof(s Scope) phase.Step {
	return phase.Step{
		ID: "prove:key/" + s.Zone.Name, Title: "see that zone " + s.Zone.Name + " may be changed",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			if !s.Zone.AllowRace && !s.Zone.Editor.Abilities().CompareAndSwap {
				return phase.Observation{State: phase.Failed, Detail: "the plan does not say allowRace, and zone " + s.Zone.Name +
					" cannot be compared and swapped: what somebody else writes between the last look and the write would be lost, and nobody would be told"}, nil
			}
			if err := s.Zone.Editor.Check(ctx); err != nil {
				return phase.Observation{}, err
			}
			return phase.Observation{State: phase.Done, Detail: "yes"}, nil
		},
	}
}

// MoveProof looks at a move before the first of all zones is changed, so that a no about one leaves the others alone. What an earlier
// process changed is not everywhere at once: the step itself waits for that.
func MoveProof(s Scope, m *zone.Move) phase.Step {
	return phase.Step{
		ID: "prove:names/" + s.Zone.Name, Title: "see that every name in zone " + s.Zone.Name + " can be changed",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			o, err := m.Observe(ctx)
			if err == nil && (o.State == phase.Pending || o.State == phase.Settling && m.There()) {
				o.State, o.Diff, o.Was, o.Anew = phase.Done, "", nil, nil
			}
			return o, err
		},
	}
}

// RaiseTo is what a name has to own so that each of its sets has the TTL of the same type in was or, where the type is new,
// the longest one there.
func RaiseTo(have, was []zone.Set) []zone.Set {
	var longest uint32
	for _, s := range was {
		longest = max(longest, s.TTL)
	}
	out := slices.Clone(have)
	for i, s := range out {
		if before, had := zone.Typed(was, s.Type); had {
			out[i].TTL = before.TTL
		} else if longest > 0 {
			out[i].TTL = longest
		}
	}
	return out
}

// Wait is what is seen at now of a wait for caches that ends at end; false once it is over.
func Wait(d parts.Deps, why string, from, end time.Time) (phase.Observation, bool) {
	now := time.Now()
	if ahead := from.Sub(now); ahead > Margin(d.Plan) {
		return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf(
			"%s since %s, which is %s ahead of this machine's clock: set the clocks right", why, from.UTC().Format(time.RFC3339), ahead.Round(time.Second),
		)}, true
	}
	if d.Now && now.Before(end) {
		return phase.Observation{State: phase.Done, Detail: fmt.Sprintf(
			"NOT WAITED FOR, as --now says: caches may hold old answers until %s", end.UTC().Format(time.RFC3339),
		)}, true
	}
	return parts.StillRuns(why, from.UTC(), end.Sub(from), now)
}

// Margin is how far clocks may differ.
func Margin(p *plan.Plan) time.Duration {
	return cmp.Or(time.Duration(p.Spec.DNS.Margin), 30*time.Second)
}
