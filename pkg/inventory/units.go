package inventory

import (
	"fmt"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/plan"
)

// Unit is what can only move together: in one wave and in one lane. All of its workloads run in new before the first of
// its Ingresses is swapped, and all of its Ingresses are swapped, in this order, before the first one is tailed.
// Otherwise requests would be answered by the wrong Service, or go in circles (see package ingress).
type Unit struct {
	Refs      []plan.Ref     // sorted
	Ingresses []ingress.Name // that lead to any of them, in the order of the swap; the way back is the reverse
	Why       []string       // what ties them together; empty for one workload alone
	Circular  bool           // there is no right order; Check refuses it
}

// bundle is a set of Ingresses that are swapped as one, and why.
type bundle struct {
	ingresses []ingress.Name
	why       string
}

// bundles lists what ties Ingresses, or the Services of one, together.
func (inv *Inventory) bundles() []bundle {
	x := inv.at()
	var out []bundle
	for i := range inv.Ingresses {
		ing := &inv.Ingresses[i]
		if reason, atomic := ingress.Atomic(&ing.Object); atomic && len(ingress.Services(&ing.Object)) > 1 {
			out = append(out, bundle{[]ingress.Name{ing.Name()}, fmt.Sprintf("ingress %s: %s", ing.Name(), reason)})
		}
	}
	hosts := inv.Hosts()
	wilds := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !strings.HasPrefix(h, "*") })
	for _, host := range hosts {
		sharing := x.byHost[host]
		regex := slices.ContainsFunc(sharing, func(i *Ingress) bool { return ingress.HasRegex(&i.Object) })
		if regex && len(sharing) > 1 {
			out = append(out, bundle{namesOf(sharing), fmt.Sprintf("host %s has regular expressions and several Ingresses: "+
				"which of them takes a request can only be told where all of them are", host)})
		}
		if slices.ContainsFunc(sharing, func(i *Ingress) bool { return ingress.HasRoot(&i.Object, host) }) {
			continue
		}
		for _, wild := range wilds {
			if ingress.Covers(wild, host) {
				out = append(out, bundle{sortedNames(append(namesOf(sharing), namesOf(x.byHost[wild])...)), fmt.Sprintf("host %s has no path / and "+
					"is under %s: some controllers lead what matches no path of the one to the other", host, wild)})
			}
		}
	}
	return out
}

func namesOf(ings []*Ingress) []ingress.Name {
	var names []ingress.Name
	for _, i := range ings {
		names = append(names, i.Name())
	}
	return names
}

// ties says which workloads hang together by Services and bundles, as a union of sets.
type ties struct {
	leader map[plan.Ref]plan.Ref
	why    map[plan.Ref][]string // by any member
}

func (t *ties) find(ref plan.Ref) plan.Ref {
	for {
		up, ok := t.leader[ref]
		if !ok || up == ref {
			return ref
		}
		ref = up
	}
}

func (t *ties) tie(refs []plan.Ref, why string) {
	if len(refs) < 2 {
		return
	}
	for _, ref := range refs[1:] {
		t.leader[t.find(ref)] = t.find(refs[0])
	}
	t.why[refs[0]] = append(t.why[refs[0]], why)
}

func (inv *Inventory) ties() *ties {
	t := &ties{map[plan.Ref]plan.Ref{}, map[plan.Ref][]string{}}
	for _, s := range inv.Services {
		t.tie(inv.WorkloadsOf(s.Name), fmt.Sprintf("service %s selects pods of all of them", s.Name))
	}
	for _, b := range inv.bundles() {
		var refs []plan.Ref
		for _, name := range b.ingresses {
			for _, service := range ingress.Services(&inv.at().ingresses[name].Object) {
				refs = append(refs, inv.WorkloadsOf(ingress.Name{Namespace: name.Namespace, Name: service})...)
			}
		}
		slices.SortFunc(refs, compareRefs)
		t.tie(slices.Compact(refs), b.why)
	}
	return t
}

// Units groups workloads into what moves together. A ref that is not in the inventory is a unit of its own, and a
// workload that a unit of the inventory holds but refs does not is left out: Check refuses such a plan.
func (inv *Inventory) Units(refs []plan.Ref) []Unit {
	t := inv.ties()
	members := map[plan.Ref][]plan.Ref{}
	for _, ref := range refs {
		members[t.find(ref)] = append(members[t.find(ref)], ref)
	}
	why := map[plan.Ref][]string{}
	for member, reasons := range t.why {
		why[t.find(member)] = append(why[t.find(member)], reasons...)
	}
	var units []Unit
	for leader, refs := range members {
		u := Unit{Refs: refs, Why: why[leader]}
		slices.SortFunc(u.Refs, compareRefs)
		slices.Sort(u.Why)
		for _, ref := range refs {
			u.Ingresses = append(u.Ingresses, inv.IngressesOf(ref)...)
		}
		u.Ingresses, u.Circular = inv.swapOrder(sortedNames(u.Ingresses))
		units = append(units, u)
	}
	slices.SortFunc(units, func(a, b Unit) int { return compareRefs(a.Refs[0], b.Refs[0]) })
	return units
}

// swapOrder puts an Ingress with regular expressions before the one that carries "/" of a host of theirs: until it is
// swapped, its requests reach the proxy by that "/" alone.
func (inv *Inventory) swapOrder(names []ingress.Name) (ordered []ingress.Name, circular bool) {
	after := map[ingress.Name][]ingress.Name{} // what must be swapped before the key
	for _, name := range names {
		object := &inv.at().ingresses[name].Object
		for _, r := range ingress.Routes(object) {
			if root := inv.root(r.Host); r.Regex && root != name {
				after[root] = append(after[root], name)
			}
		}
	}
	state := map[ingress.Name]int{} // 1: being visited, 2: in ordered
	var visit func(ingress.Name)
	visit = func(name ingress.Name) {
		switch state[name] {
		case 1:
			circular = true
			return
		case 2:
			return
		}
		state[name] = 1
		for _, first := range after[name] {
			visit(first)
		}
		state[name] = 2
		if slices.Contains(names, name) {
			ordered = append(ordered, name)
		}
	}
	for _, name := range names {
		visit(name)
	}
	return ordered, circular
}
