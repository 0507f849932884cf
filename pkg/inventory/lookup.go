package inventory

import (
	"cmp"
	"maps"
	"slices"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/plan"
)

// index is what the methods look up; made once, from the lists.
type index struct {
	ingresses map[ingress.Name]*Ingress
	byHost    map[string][]*Ingress // in the order of the list: by namespace and name
	services  map[ingress.Name]*Service
	workloads map[plan.Ref]*Workload
	routes    map[ingress.Name][]ingress.Route // by Service
	behind    map[ingress.Name][]plan.Ref      // Service -> workloads
	before    map[plan.Ref][]string            // workload -> Services
	callers   map[plan.Ref][]plan.Ref
	callees   map[plan.Ref][]plan.Ref
}

func (inv *Inventory) at() *index {
	inv.once.Do(func() {
		x := &index{
			ingresses: map[ingress.Name]*Ingress{}, byHost: map[string][]*Ingress{}, services: map[ingress.Name]*Service{},
			workloads: map[plan.Ref]*Workload{}, routes: map[ingress.Name][]ingress.Route{}, behind: map[ingress.Name][]plan.Ref{},
			before: map[plan.Ref][]string{}, callers: map[plan.Ref][]plan.Ref{}, callees: map[plan.Ref][]plan.Ref{},
		}
		x.traffic(inv)
		x.selection(inv)
		x.calls(inv)
		inv.index = x
	})
	return inv.index
}

func (x *index) traffic(inv *Inventory) {
	for i := range inv.Ingresses {
		ing := &inv.Ingresses[i]
		x.ingresses[ing.Name()] = ing
		for _, host := range ingress.Hosts(&ing.Object) {
			x.byHost[host] = append(x.byHost[host], ing)
		}
		for _, r := range ingress.Routes(&ing.Object) {
			service := ingress.Name{Namespace: ing.Object.Namespace, Name: r.Service}
			x.routes[service] = append(x.routes[service], r)
		}
	}
}

func (x *index) selection(inv *Inventory) {
	byNamespace := map[string][]*Workload{}
	for i := range inv.Workloads {
		w := &inv.Workloads[i]
		x.workloads[w.Ref] = w
		byNamespace[w.Ref.Namespace] = append(byNamespace[w.Ref.Namespace], w)
	}
	for i := range inv.Services {
		s := &inv.Services[i]
		x.services[s.Name] = s
		for _, w := range byNamespace[s.Name.Namespace] {
			if s.selects(w.Labels) {
				x.behind[s.Name] = append(x.behind[s.Name], w.Ref)
				x.before[w.Ref] = append(x.before[w.Ref], s.Name.Name)
			}
		}
	}
}

func (x *index) calls(inv *Inventory) {
	for _, c := range inv.Calls {
		for _, to := range x.behind[x.real(c.To)] {
			if to != c.From {
				x.callees[c.From] = append(x.callees[c.From], to)
				x.callers[to] = append(x.callers[to], c.From)
			}
		}
	}
	for _, m := range []map[plan.Ref][]plan.Ref{x.callers, x.callees} {
		for ref, refs := range m {
			slices.SortFunc(refs, compareRefs)
			m[ref] = slices.Compact(refs)
		}
	}
}

// real follows a Service that is only another name (ExternalName) of a Service in scope.
func (x *index) real(name ingress.Name) ingress.Name {
	for range 5 { // an alias of an alias is legal, a circle of them too
		s := x.services[name]
		if s == nil || s.ExternalName == "" {
			return name
		}
		target, ok := qualified(s.ExternalName, func(n ingress.Name) bool { return x.services[n] != nil })
		if !ok {
			return name
		}
		name = target
	}
	return name
}

func (s *Service) selects(labels map[string]string) bool {
	for key, value := range s.Selector {
		if has, ok := labels[key]; !ok || has != value {
			return false
		}
	}
	return len(s.Selector) > 0
}

func compareRefs(a, b plan.Ref) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// Ingress returns one Ingress of old.
func (inv *Inventory) Ingress(ns, name string) (*Ingress, bool) {
	ing, ok := inv.at().ingresses[ingress.Name{Namespace: ns, Name: name}]
	return ing, ok
}

// Service returns one Service of old.
func (inv *Inventory) Service(name ingress.Name) (*Service, bool) {
	s, ok := inv.at().services[name]
	return s, ok
}

// Workload returns one workload of old.
func (inv *Inventory) Workload(ref plan.Ref) (*Workload, bool) {
	w, ok := inv.at().workloads[ref]
	return w, ok
}

// WorkloadsOf lists the workloads whose pods a Service selects.
func (inv *Inventory) WorkloadsOf(service ingress.Name) []plan.Ref { return inv.at().behind[service] }

// ServicesOf lists the names of the Services, of the workload's own namespace, that select its pods.
func (inv *Inventory) ServicesOf(ref plan.Ref) []string { return inv.at().before[ref] }

// RoutesOf lists the routes that lead to a workload by any of its Services.
func (inv *Inventory) RoutesOf(ref plan.Ref) []ingress.Route {
	var routes []ingress.Route
	for _, service := range inv.ServicesOf(ref) {
		routes = append(routes, inv.at().routes[ingress.Name{Namespace: ref.Namespace, Name: service}]...)
	}
	return routes
}

// IngressesOf lists the Ingresses that lead to a workload, each one once.
func (inv *Inventory) IngressesOf(ref plan.Ref) []ingress.Name {
	var names []ingress.Name
	for _, r := range inv.RoutesOf(ref) {
		names = append(names, r.Ingress)
	}
	return sortedNames(names)
}

// CallersOf lists the workloads that name a Service of this one, CalleesOf those of whom this one names a Service. A
// workload that names itself is neither.
func (inv *Inventory) CallersOf(ref plan.Ref) []plan.Ref { return inv.at().callers[ref] }

// CalleesOf is the other direction of CallersOf.
func (inv *Inventory) CalleesOf(ref plan.Ref) []plan.Ref { return inv.at().callees[ref] }

// Hosts lists every host of every rule, sorted, each one once; those of rules without host are not among them.
func (inv *Inventory) Hosts() []string {
	hosts := slices.Sorted(maps.Keys(inv.at().byHost))
	return slices.DeleteFunc(hosts, func(h string) bool { return h == "" })
}

// Target is what ingress.Desired has to know for one Ingress: the class in new, the controllers, and of which hosts it
// carries the catch-all: of those where no Ingress has a path "/" of its own, the first one by namespace and name does.
func (inv *Inventory) Target(name ingress.Name, class string) ingress.Target {
	return ingress.Target{
		Class: class, Controller: inv.Controllers.New, From: inv.Controllers.Old,
		Root: func(host string) bool { return inv.root(host) == name },
	}
}

// root returns which Ingress carries "/" of a host, by a path of its own or by the catch-all.
func (inv *Inventory) root(host string) ingress.Name {
	sharing := inv.at().byHost[host]
	for _, ing := range sharing {
		if ingress.HasRoot(&ing.Object, host) {
			return ing.Name()
		}
	}
	if len(sharing) == 0 {
		return ingress.Name{}
	}
	return sharing[0].Name()
}

func sortedNames(names []ingress.Name) []ingress.Name {
	slices.SortFunc(names, compareNames)
	return slices.Compact(names)
}

func compareNames(a, b ingress.Name) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
