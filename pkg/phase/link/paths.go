package link

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

// What a path is for, as matrices and docs/link.md call it.
const (
	Bridge     = "bridge"
	Tail       = "tail"
	EntryOld   = "entry of old"
	EntryNew   = "entry of new"
	OldMembers = "old members"
	NewMembers = "new members"
	Servers    = "name server"
	Resolvers  = "resolver"
	Additional = "link.paths"
)

// Here is who dials where the plan names no side: the machine that runs the tool.
const Here = "here"

// oldMembersID is the step on the members that the plan does not name: the URI and the set do.
const oldMembersID = "prove:path/new/old-members"

// Path is one direction that has to work.
type Path struct {
	What string `json:"what"`
	From string `json:"from"` // old, new or here
	To   string `json:"to"`   // host:port, over TCP

	// Later is the field of the plan whose manifests start what listens there, in a phase that comes after this one.
	Later string `json:"later,omitempty"`

	http bool   // what listens there speaks plain HTTP
	zone string // what listens there answers for it, over UDP too
}

// ID is the path as a step.
func (p Path) ID() string { return "prove:path/" + p.From + "/" + p.To }

func (p Path) title() string {
	from := p.From
	if from == Here {
		from = "this machine"
	}
	return "prove that " + from + " reaches " + p.To + ", " + p.What
}

// Paths lists what a plan needs, but for the old members of the replica set: only the URI and the set name these. secure says
// whether anything is asked for by TLS.
func Paths(p *plan.Plan, secure bool) []Path {
	var all []Path
	add := func(like Path, to ...string) {
		for _, like.To = range to {
			if !slices.ContainsFunc(all, func(p Path) bool { return p.ID() == like.ID() }) {
				all = append(all, like)
			}
		}
	}
	s := &p.Spec
	add(Path{What: Bridge, From: phase.New, Later: named(s.Bridge.Manifests, "bridge.manifests"), http: true}, parts.BridgeAddrs(s.Bridge)...)
	if t, yes := parts.Tail(p); yes {
		for _, a := range t.Addresses {
			add(Path{What: Tail, From: phase.Old, http: true}, net.JoinHostPort(a, strconv.Itoa(t.Port)))
		}
	}
	for what, e := range map[string]plan.Entry{EntryOld: s.Entry.Old, EntryNew: s.Entry.New} {
		from := cmp.Or(e.From, Here)
		add(Path{What: what, From: from, http: true}, parts.Addrs(e, false)...)
		if secure {
			add(Path{What: what, From: from}, parts.Addrs(e, true)...)
		}
	}
	if m := s.MongoDB; m != nil {
		add(Path{What: NewMembers, From: phase.Old, Later: named(m.Manifests, "mongodb.manifests")}, m.New...)
	}
	dns := cmp.Or(s.DNS.From, Here)
	for _, z := range s.DNS.Zones { // one that names no servers is asked who they are when it is read
		add(Path{What: Servers, From: dns, zone: z.Name}, z.Servers...)
		if z.RFC2136 != nil {
			add(Path{What: Servers, From: dns, zone: z.Name}, z.RFC2136.Server)
		}
	}
	add(Path{What: Resolvers, From: dns}, s.DNS.Resolvers...)
	if s.Link != nil {
		for _, extra := range s.Link.Paths {
			add(Path{What: Additional, From: extra.From}, extra.To)
		}
	}
	slices.SortFunc(all, func(a, b Path) int { return strings.Compare(a.ID(), b.ID()) })
	return all
}

// named is a field that is set.
func named(value, field string) string {
	if value == "" {
		return ""
	}
	return field
}

// Destinations lists host:port of what the phase dials from inside a cluster. members are those that the URI names.
func Destinations(p *plan.Plan, env string, members []string) (all []string) {
	for _, path := range Paths(p, true) {
		if path.From == env {
			all = append(all, path.To)
		}
	}
	if env == phase.New && p.Spec.MongoDB != nil {
		for _, m := range members {
			if !slices.Contains(p.Spec.MongoDB.New, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// secure: a route of old ends TLS.
func secure(inv *inventory.Inventory) bool {
	for i := range inv.Ingresses {
		if slices.ContainsFunc(ingress.Routes(&inv.Ingresses[i].Object), func(r ingress.Route) bool { return r.TLS }) {
			return true
		}
	}
	return false
}
