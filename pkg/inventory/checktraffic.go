package inventory

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/plan"
)

func (c *check) services() {
	for _, s := range c.inv.Services {
		if s.Name.Name == ingress.ProxyService || s.Name.Name == ingress.TailService {
			c.no("service %s has a name of cutover's own; way out: finish or roll back the other migration, or rename it", s.Name)
		}
		refs := c.inv.WorkloadsOf(s.Name)
		if s.Type != "LoadBalancer" && s.Type != "NodePort" || !slices.ContainsFunc(refs, c.live) {
			continue
		}
		c.no("service %s is of type %s: who comes by its own address or port does not come by the Ingress, and would lose it; "+
			"way out: make it a ClusterIP, or provide it in new and let the plan say source: existing for %s", s.Name, s.Type, joined(refs))
	}
}

func (c *check) ingresses() {
	entry := c.p.Spec.Entry
	for i := range c.inv.Ingresses {
		ing := &c.inv.Ingresses[i]
		at := "ingress " + ing.Name().String()
		if ing.Class != entry.Old.IngressClass {
			c.no("%s is of class %q, not of the entry's %q: in new it would be served to other clients than in old; "+
				"way out: give it the class of the entry, or take it out of the namespace", at, ing.Class, entry.Old.IngressClass)
		}
		if ing.Keeper != "" && c.p.Spec.Tail != nil { // else nothing of it is changed
			c.no("%s is kept as it is by %s, which would take the tail out again; way out: suspend that for the time of the move "+
				"and say so by the annotation %s=paused on the object", at, ing.Keeper, Paused)
		}
		for _, reason := range ingress.Unsupported(&ing.Object) {
			c.no("%s: %s", at, reason)
		}
		crossing, _ := ingress.Crossing(&ing.Object, c.inv.Target(ing.Name(), entry.New.IngressClass))
		for _, reason := range crossing {
			c.no("%s: %s", at, reason)
		}
		c.backends(at, ing)
	}
}

// backends: a path that leads nowhere can't be moved, and its Ingress would stay half in old for ever.
func (c *check) backends(at string, ing *Ingress) {
	said := map[string]bool{}
	for _, r := range ingress.Routes(&ing.Object) {
		if r.Service == "" || said[r.Service] {
			continue
		}
		name := ingress.Name{Namespace: ing.Object.Namespace, Name: r.Service}
		s, there := c.inv.Service(name)
		said[r.Service] = true
		switch {
		case !there:
			c.no("%s: %s%s leads to service %s, which does not exist; way out: take the path out", at, r.Host, r.Path, name)
		case !has(s, r.Port):
			c.no("%s: %s%s leads to a port that service %s does not have; way out: correct the port", at, r.Host, r.Path, name)
		case s.ExternalName != "":
			c.no("%s: service %s is only another name (%s), so nothing of it moves; way out: let the Ingress lead to a Service with pods",
				at, name, s.ExternalName)
		case len(s.Selector) == 0:
			c.no("%s: service %s has no selector, its endpoints are kept by hand; way out: let the Ingress lead to a Service with pods", at, name)
		case len(c.inv.WorkloadsOf(name)) == 0:
			c.no("%s: service %s selects no workload, so nothing would ever move it; way out: correct its selector, or take the path out", at, name)
		}
	}
}

func has(s *Service, port networkingv1.ServiceBackendPort) bool {
	return s.ExternalName != "" || slices.ContainsFunc(s.Ports, func(p Port) bool {
		return port.Name != "" && p.Name == port.Name || port.Name == "" && p.Number == port.Number
	})
}

// hosts: one host and path in two Ingresses is answered by whichever is older, and in new the ages are others.
func (c *check) hosts() {
	type path struct{ host, path, as string }
	first := map[path]ingress.Name{}
	for i := range c.inv.Ingresses {
		for _, r := range ingress.Routes(&c.inv.Ingresses[i].Object) {
			key := path{r.Host, r.Path, r.PathType}
			if r.Host == "" {
				continue // refused already
			}
			if other, taken := first[key]; taken && other != r.Ingress {
				c.no("%s%s is in ingress %s and in ingress %s: which one answers depends on their age; way out: take it out of one",
					r.Host, r.Path, other, r.Ingress)
			} else {
				first[key] = r.Ingress
			}
		}
	}
}

// units: what can only move together has to be in one wave.
func (c *check) units() {
	var planned []plan.Ref
	for _, w := range c.inv.Workloads {
		if _, in := c.wave[w.Ref]; in {
			planned = append(planned, w.Ref)
		}
	}
	for _, u := range c.inv.Units(planned) {
		if u.Circular {
			c.no("ingresses %s have regular expressions and a path / on each other's hosts, so there is no order to swap them in; "+
				"way out: put the paths of one host into one Ingress", joined(u.Ingresses))
		}
		waves := map[int]bool{}
		var where []string
		for _, ref := range u.Refs {
			waves[c.wave[ref]] = true
			where = append(where, fmt.Sprintf("%s in %s", ref, c.waveName(ref)))
		}
		if len(waves) > 1 {
			c.no("these can only move together, and are in different waves (%s), for %s; way out: put them in one wave",
				strings.Join(where, ", "), strings.Join(u.Why, "; and "))
		}
	}
}

func joined[T fmt.Stringer](items []T) string {
	var out []string
	for _, item := range items {
		out = append(out, item.String())
	}
	return strings.Join(out, ", ")
}
