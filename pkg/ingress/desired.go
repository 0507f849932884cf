package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Desired returns the Ingress that new is to have for old's Ingress when the Services for which moved is true are
// served by new. Nil for moved: nothing is. The package comment says how and why. Neither old nor what it points to is
// changed or shared.
func Desired(old *networkingv1.Ingress, moved func(service string) bool, t Target) *networkingv1.Ingress {
	local := settled(old, moved)
	out := &networkingv1.Ingress{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"},
		ObjectMeta: metav1.ObjectMeta{Namespace: old.Namespace, Name: old.Name, Labels: labels(old.Labels)},
	}
	if everything(old, local) {
		out.Annotations = restored(old, t)
		out.Spec = *old.Spec.DeepCopy()
	} else {
		out.Annotations = atFrontDoor(old, t)
		out.Spec = networkingv1.IngressSpec{TLS: old.Spec.DeepCopy().TLS, Rules: rules(old, local, t)}
	}
	out.Spec.IngressClassName = nil
	if t.Class != "" {
		out.Spec.IngressClassName = &t.Class
	}
	return out
}

// settled turns what moved says about each Service into what holds for this Ingress: an atomic one moves as a whole or
// not at all.
func settled(old *networkingv1.Ingress, moved func(string) bool) func(string) bool {
	if moved == nil {
		return func(string) bool { return false }
	}
	if _, atomic := Atomic(old); !atomic {
		return moved
	}
	whole := everything(old, moved)
	return func(string) bool { return whole }
}

// everything says whether every backend of the Ingress is local. An Ingress without a backend is never done: there
// would be no evidence for it. A resource backend never moves.
func everything(old *networkingv1.Ingress, local func(string) bool) bool {
	routes := Routes(old)
	for _, r := range routes {
		if r.Service == "" || !local(r.Service) {
			return false
		}
	}
	return len(routes) > 0
}

// rules lists old's paths under their hosts, one rule a host, each to its own Service or to the proxy.
func rules(old *networkingv1.Ingress, local func(string) bool, t Target) []networkingv1.IngressRule {
	var out []networkingv1.IngressRule
	for _, host := range Hosts(old) {
		var listed []networkingv1.HTTPIngressPath
		for _, rule := range old.Spec.Rules {
			if rule.Host == host {
				listed = append(listed, listing(old, rule, local)...)
			}
		}
		if t.root(host) && !HasRoot(old, host) {
			listed = append(listed, toProxy("/", networkingv1.PathTypePrefix))
		}
		if len(listed) == 0 {
			// Regular expressions only, and another Ingress carries "/". The object must be there for its TLS section and
			// to be patched, and a rule must have a path: one that nobody asks for, and that old would answer.
			listed = append(listed, toProxy("/.cutover/"+old.Namespace+"/"+old.Name, networkingv1.PathTypeExact))
		}
		out = append(out, networkingv1.IngressRule{
			Host:             host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: listed}},
		})
	}
	return out
}

func listing(old *networkingv1.Ingress, rule networkingv1.IngressRule, local func(string) bool) []networkingv1.HTTPIngressPath {
	var out []networkingv1.HTTPIngressPath
	for _, p := range paths(rule) {
		if isRegex(old, p) {
			continue
		}
		if name, _ := service(p.Backend); name != "" && local(name) {
			out = append(out, *p.DeepCopy())
			continue
		}
		out = append(out, toProxy(p.Path, typeOf(p)))
	}
	return out
}

func toProxy(path string, as networkingv1.PathType) networkingv1.HTTPIngressPath {
	return networkingv1.HTTPIngressPath{Path: path, PathType: &as, Backend: networkingv1.IngressBackend{Service: named(ProxyService)}}
}

func named(service string) *networkingv1.IngressServiceBackend {
	return &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Name: portName}}
}

// place is where a backend is in an Ingress: what a swap leaves as it is. A host and path that is there twice (the API
// allows it, Unsupported refuses it) is told apart by nth.
type place struct {
	host, path string
	as         networkingv1.PathType
	nth        int
}

// defaultPlace is the place of the default backend; no path has such a type.
var defaultPlace = place{as: "default"}

// eachBackend calls f for every backend with its place. What f changes is changed in ing.
func eachBackend(ing *networkingv1.Ingress, f func(place, *networkingv1.IngressBackend)) {
	seen := map[place]int{}
	for i := range ing.Spec.Rules {
		rule := &ing.Spec.Rules[i]
		if rule.HTTP == nil {
			continue
		}
		for j := range rule.HTTP.Paths {
			p := &rule.HTTP.Paths[j]
			at := place{host: rule.Host, path: p.Path, as: typeOf(*p)}
			seen[at]++
			at.nth = seen[at]
			f(at, &p.Backend)
		}
	}
	if ing.Spec.DefaultBackend != nil {
		f(defaultPlace, ing.Spec.DefaultBackend)
	}
}

// Moved returns the Services of old's Ingress that live, the Ingress in new, already leads to themselves: on every host
// and path that they have. It is the inverse of Desired.
func Moved(old, live *networkingv1.Ingress) map[string]bool {
	now := map[place]networkingv1.IngressServiceBackend{}
	eachBackend(live, func(at place, b *networkingv1.IngressBackend) {
		if b.Service != nil {
			now[at] = *b.Service
		}
	})
	moved := map[string]bool{}
	elsewhere := map[string]bool{}
	eachBackend(old, func(at place, b *networkingv1.IngressBackend) {
		switch {
		case b.Service == nil:
		case now[at] == *b.Service:
			moved[b.Service.Name] = true
		default:
			elsewhere[b.Service.Name] = true
		}
	})
	for name := range elsewhere {
		delete(moved, name)
	}
	return moved
}
