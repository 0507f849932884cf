package cli

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/link"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/reach"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/zone"
)

// removing is how long the removal of this run's relays may take.
const removing = 5 * time.Second

// relayed is a cluster whose inside is dialled by a relay.
type relayed struct {
	env     string
	cluster *kube.Cluster
	relay   *plan.Relay
}

func (s *session) relayed() []relayed {
	all := []relayed{{phase.Old, s.old, s.plan.Spec.Clusters.Old.Relay}, {phase.New, s.new, s.plan.Spec.Clusters.New.Relay}}
	return slices.DeleteFunc(all, func(r relayed) bool { return r.relay == nil || r.env == phase.New && s.call.flags.BreakGlass != "" })
}

// relay makes the ways into the clusters. No pod is made before start, or before somebody dials.
func (s *session) relay(ctx context.Context) {
	of := reach.OfRun
	if slices.Contains(onlyReading, s.call.verb.Name) || s.call.verb.Name == "status" {
		of = reach.OfLook
	}
	var members []string
	if s.mongo != nil {
		members = s.mongo.Seeds()
	}
	for _, r := range s.relayed() {
		pod, dialer := reach.NewPod(reach.Options{
			Cluster: r.cluster, Plan: s.plan.Metadata.Name, Namespace: r.relay.Namespace, Image: r.relay.Image,
			Allow: destinations(s.plan, r.env, members), Of: of, Run: s.run,
		})
		s.relays = append(s.relays, pod)
		if r.env == phase.Old {
			s.reach.Old = dialer
		} else {
			s.reach.New = dialer
		}
	}
	s.unrelay = func() {
		last, cancel := s.last(ctx, removing)
		defer cancel()
		for _, pod := range s.relays {
			if err := pod.Remove(last); err != nil {
				s.call.warn("a relay was not removed, it ends by itself: %v", err)
			}
		}
	}
}

// startRelays has a relay run in every cluster that wants one, so that nothing that asks has to wait for it.
func (s *session) startRelays(ctx context.Context) error {
	var group errgroup.Group
	for _, pod := range s.relays {
		group.Go(func() error { return pod.Start(ctx) })
	}
	return unsure(group.Wait())
}

// sweep removes the relays that dead runs left. Call it with the lock held.
func (s *session) sweep(ctx context.Context) {
	for _, r := range s.relayed() {
		if err := reach.Sweep(ctx, r.cluster, r.relay.Namespace, s.plan.Metadata.Name); err != nil {
			s.call.warn("relays that earlier runs left in %s were not removed, they end by themselves: %v", r.env, err)
		}
	}
}

// dialMember dials the members of the replica set, each from its side; nil where all of them are dialled from here.
func (s *session) dialMember() replset.Dial {
	c := s.plan.Spec.Clusters
	if c.Old.Relay == nil && c.New.Relay == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		side := phase.Old
		if slices.Contains(s.plan.Spec.MongoDB.New, addr) {
			side = phase.New
		}
		return s.reach.From(side).DialContext(ctx, network, addr)
	}
}

// destinations lists what the relay of a side may dial: what the plan names, and nothing else.
func destinations(p *plan.Plan, env string, members []string) (all []string) {
	add := func(network string, to ...string) {
		for _, t := range to {
			all = append(all, network+"/"+strings.ToLower(t))
		}
	}
	s := &p.Spec
	var relay *plan.Relay
	if env == phase.Old {
		relay = s.Clusters.Old.Relay
		add("tcp", parts.BridgeAddrs(s.Bridge)...)
		for _, url := range slices.Concat(parts.MetricsURLs(s.Bridge), parts.OldMetricsURLs(s.Entry)) {
			at, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
			add("tcp", at)
		}
		for _, m := range members {
			if s.MongoDB != nil && !slices.Contains(s.MongoDB.New, m) {
				add("tcp", m)
			}
		}
	} else {
		relay = s.Clusters.New.Relay
		if s.Bridge.Hostname != "" {
			add("lookup", s.Bridge.Hostname)
		}
		if s.MongoDB != nil {
			add("tcp", s.MongoDB.New...)
		}
	}
	for _, e := range []plan.Entry{s.Entry.Old, s.Entry.New} {
		if e.From == env {
			add("tcp", parts.Addrs(e, false)...)
			add("tcp", parts.Addrs(e, true)...)
		}
	}
	if s.Link != nil {
		add("tcp", link.Destinations(p, env, members)...)
	}
	if s.DNS.From == env {
		add("lookup", "*")
		for _, to := range servers(s.DNS) {
			add("tcp", to)
			add("udp", to)
		}
	}
	if relay != nil {
		add("tcp", relay.Allow...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// talker asks the name servers of the plan; nil is this process.
func (s *session) talker() zone.Dialer {
	if s.plan.Spec.DNS.From == "" {
		return nil
	}
	return s.reach.From(s.plan.Spec.DNS.From)
}

func servers(d plan.DNS) []string {
	all := slices.Clone(d.Resolvers)
	for _, z := range d.Zones {
		all = append(all, z.Servers...)
		if z.RFC2136 != nil {
			all = append(all, z.RFC2136.Server)
		}
	}
	return all
}

// toReach is what the relays of a plan take: each makes its pod, leads to it, and removes it. Who holds the lock also looks for
// what dead runs left.
func toReach(p *plan.Plan, holds bool) []phase.Access {
	verbs := []string{"get", "create", "delete"}
	if holds {
		verbs = append(verbs, "list")
	}
	var all []phase.Access
	for env, r := range map[string]*plan.Relay{phase.Old: p.Spec.Clusters.Old.Relay, phase.New: p.Spec.Clusters.New.Relay} {
		if r == nil {
			continue
		}
		all = append(all, parts.Access(env, r.Namespace, kube.Pod, nil, verbs...)...)
		for _, verb := range []string{"get", "create"} {
			all = append(all, phase.Access{Env: env, Verb: verb, Resource: "pods/portforward", Namespace: r.Namespace})
		}
	}
	return all
}
