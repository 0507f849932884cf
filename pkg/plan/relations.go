package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxVoters is how many members of a replica set may vote.
const maxVoters = 7

// reporter takes what is wrong with the field at a path.
type reporter func(path, format string, args ...any)

// relations reports what only two fields together can get wrong. Values that are wrong by themselves are zero here, and
// have been reported.
func relations(p *Plan, report reporter) {
	s := &p.Spec
	if uid := s.Clusters.Old.UID; uid != "" && uid == s.Clusters.New.UID {
		report("spec.clusters.new.uid", "old and new are the same cluster")
	}
	if slices.Contains(s.Namespaces, s.State.Namespace) && s.State.Namespace != "" {
		report("spec.state.namespace", "%s is one of spec.namespaces: what the tool keeps must not move", s.State.Namespace)
	}
	if t := s.Tail; t != nil && t.Marker != "" && t.Marker == s.Bridge.Marker {
		report("spec.tail.marker", "it is the bridge's marker too: answers could not be told apart")
	}
	if s.Stepdown != nil {
		if s.MongoDB == nil {
			report("spec.stepdown", "there is no spec.mongodb whose primary could step down")
		}
		if _, ok := p.Wave(s.Stepdown.After); !ok && s.Stepdown.After != "" {
			report("spec.stepdown.after", "there is no wave %s", s.Stepdown.After)
		}
	}
	if m := s.MongoDB; m != nil && len(m.New) > maxVoters {
		report("spec.mongodb.new", "%d new members: all of them shall vote, and a replica set has %d voters at most", len(m.New), maxVoters)
	}
	if s.Deletes("Ingress") && s.Entry.OldMetrics == nil {
		report("spec.cleanup.delete", "deleting old's Ingresses needs spec.entry.oldMetrics: nothing else shows that no client comes to old's entry any more")
	}
	seen := map[string]int{}
	for i, z := range s.DNS.Zones {
		if first, doubled := seen[z.Name]; doubled && z.Name != "" {
			report(fmt.Sprintf("spec.dns.zones[%d].name", i), "%s is spec.dns.zones[%d] already", z.Name, first)
			continue
		}
		seen[z.Name] = i
	}
	races(s, report)
	relays(s, report)
	listeners(s, report)
	spans(s, report)
	waves(s, report)
	phases(p, report)
}

// least is the lowest TTL that Cloudflare takes in every zone.
const least = Duration(time.Minute)

// races reports zones whose provider promises less than the plan takes for granted.
func races(s *Spec, report reporter) {
	for i, z := range s.DNS.Zones {
		path := fmt.Sprintf("spec.dns.zones[%d].allowRace", i)
		switch who := z.Racing(); {
		case who != "" && !z.AllowRace:
			report(path, "%s cannot compare and swap: what somebody else writes between the last look and the write is lost, and nobody is told; set it to true if nobody else writes these names during the move", who)
		case who == "" && z.AllowRace:
			report(path, "there is no race to allow: this zone is changed only if it still has what was seen")
		}
		if z.Cloudflare != nil && s.DNS.TTL != 0 && s.DNS.TTL < least {
			report("spec.dns.ttl", "%s is less than Cloudflare takes for zone %s: %s", s.DNS.TTL, z.Name, least)
		}
	}
}

// relays reports who is to dial and has no relay, and namespaces in which who may only look could take more than that.
func relays(s *Spec, report reporter) {
	of := map[string]*Relay{"old": s.Clusters.Old.Relay, "new": s.Clusters.New.Relay}
	for side, r := range of {
		at := "spec.clusters." + side + ".relay.namespace"
		switch {
		case r == nil || r.Namespace == "":
		case r.Namespace == s.State.Namespace:
			report(at, "%s is spec.state.namespace: whoever may make the relay's pod there could use what else is there", r.Namespace)
		case slices.Contains(s.Namespaces, r.Namespace):
			report(at, "%s is one of spec.namespaces: whoever may make the relay's pod there could use what else is there", r.Namespace)
		}
	}
	for at, side := range map[string]string{"spec.entry.old.from": s.Entry.Old.From, "spec.entry.new.from": s.Entry.New.From, "spec.dns.from": s.DNS.From} {
		if side != "" && of[side] == nil {
			report(at, "there is no spec.clusters.%s.relay that could ask", side)
		}
	}
	for _, side := range dials(s) {
		if of[side] == nil {
			report("spec.link", "there is no spec.clusters.%s.relay that could dial from inside %s", side, side)
		}
	}
	for i, z := range s.DNS.Zones {
		if s.DNS.From != "" && len(z.Servers) == 0 && z.Name != "" {
			report(fmt.Sprintf("spec.dns.zones[%d]", i), "with spec.dns.from zone %s has to name its servers: a relay dials only what the plan names", z.Name)
		}
	}
}

// dials lists the sides from which the phase link dials: new has to reach the bridge, and old whatever else there is.
func dials(s *Spec) []string {
	switch l := s.Link; {
	case l == nil:
		return nil
	case s.Tail != nil, s.MongoDB != nil, slices.ContainsFunc(l.Paths, func(p LinkPath) bool { return p.From == "old" }):
		return []string{"new", "old"}
	}
	return []string{"new"}
}

// listeners reports two ingresses at one address and port.
func listeners(s *Spec, report reporter) {
	taken := map[netip.AddrPort]string{}
	take := func(path string, addresses []string, ports ...int) {
		for i, a := range addresses {
			for _, port := range ports {
				ip, err := netip.ParseAddr(a)
				if err != nil || port == 0 {
					continue // reported where it stands
				}
				at := netip.AddrPortFrom(ip.Unmap(), uint16(port)) //nolint:gosec // the shape bounds it
				here := fmt.Sprintf("%s.addresses[%d]", path, i)
				if other, doubled := taken[at]; doubled {
					report(here, "%s is %s as well", at, other)
					continue
				}
				taken[at] = here
			}
		}
	}
	take("spec.entry.old", s.Entry.Old.Addresses, s.Entry.Old.HTTPPort, s.Entry.Old.HTTPSPort)
	take("spec.entry.new", s.Entry.New.Addresses, s.Entry.New.HTTPPort, s.Entry.New.HTTPSPort)
	take("spec.bridge", s.Bridge.Addresses, s.Bridge.Port)
	if s.Tail != nil {
		take("spec.tail", s.Tail.Addresses, s.Tail.Port)
	}
	if old, next := s.Entry.Old.Hostname, s.Entry.New.Hostname; old != "" && old == next {
		report("spec.entry.new.hostname", "%s is the old entry as well", next)
	}
	if m := s.Bridge.Metrics; m != nil && len(m.Addresses) == 0 && m.Port != 0 && m.Port == s.Bridge.Port {
		report("spec.bridge.metrics.port", "%d is the bridge's own port", m.Port)
	}
	if m := s.Entry.OldMetrics; m != nil && len(m.Addresses) == 0 && m.Port != 0 && (m.Port == s.Entry.Old.HTTPPort || m.Port == s.Entry.Old.HTTPSPort) {
		report("spec.entry.oldMetrics.port", "%d is the entry's own port", m.Port)
	}
}

// spans reports times of which one makes the other pointless.
func spans(s *Spec, report reporter) {
	named := len(s.DNS.Zones) > 0 || s.DNS.Manual != nil
	if r, ttl := s.Windows.Residual, s.DNS.TTL; named && r != 0 && r < ttl {
		report("spec.windows.residual", "%s is shorter than spec.dns.ttl (%s): who holds the old address may come back after it", r, ttl)
	}
	if m := s.MongoDB; m != nil && m.Settle != 0 && m.Settle <= s.Windows.Lag {
		report("spec.mongodb.settle", "%s is no longer than spec.windows.lag (%s): no member could be done in time", m.Settle, s.Windows.Lag)
	}
}

// waves reports workloads that are in no namespace of the plan, or in two places, and names that are not unique.
func waves(s *Spec, report reporter) {
	names := map[string]int{}
	places := map[Ref]string{}
	for i, w := range s.Waves {
		if first, doubled := names[w.Name]; doubled && w.Name != "" {
			report(fmt.Sprintf("spec.waves[%d].name", i), "%s is spec.waves[%d] already", w.Name, first)
		} else {
			names[w.Name] = i
		}
		for j, l := range w.Workloads {
			if l.Ref == (Ref{}) {
				continue
			}
			here := fmt.Sprintf("spec.waves[%d].workloads[%d]", i, j)
			if first, doubled := places[l.Ref]; doubled {
				report(here, "%s is %s already", l.Ref, first)
			} else {
				places[l.Ref] = here
			}
			if l.Exclusive && l.Ref.Kind == "DaemonSet" {
				report(here, "%s cannot be exclusive: a DaemonSet has no replicas, and runs in new as soon as it is there", l.Ref)
			}
			if len(s.Namespaces) > 0 && !slices.Contains(s.Namespaces, l.Ref.Namespace) {
				report(here, "%s is not in spec.namespaces (%s)", l.Ref, strings.Join(slices.DeleteFunc(slices.Clone(s.Namespaces), func(n string) bool { return n == "" }), ", "))
			}
		}
	}
}

// phases reports names of phases that this plan does not have.
func phases(p *Plan, report reporter) {
	all := p.Phases()
	words := strings.Join(all, ", ")
	if t := p.Spec.Through; t != "" && !slices.Contains(all, t) {
		report("spec.through", "this plan has no phase %s; it has %s", t, words)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Spec.Approvals)) {
		if !slices.Contains(all, name) {
			report("spec.approvals["+name+"]", "this plan has no phase %q; it has %s", clip(name), words)
		}
	}
}
