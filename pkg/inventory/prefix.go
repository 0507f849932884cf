package inventory

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/plan"
)

// prefixes warns, in one line, of requests that would go in a circle between new and old: the bridge and the inner entry of
// new read a Prefix differently, and one of the two Services that they choose has moved. Traefik goes by character unless
// it is told otherwise, everybody else by path element. Where the plan does not say whose bridge it is, nothing is known.
func prefixes(p *plan.Plan, inv *Inventory) []string {
	m := p.Spec.Bridge.Metrics
	if p.Spec.Tail == nil || m == nil || inv.Controllers.New == "" || (m.Kind == "traefik") == strings.HasPrefix(inv.Controllers.New, "traefik.io/") {
		return nil
	}
	first, more := "", 0
	for _, host := range inv.Hosts() {
		routes := inv.prefixed(host)
		for _, r := range routes {
			other := beside(r.Path, routes)
			switch {
			case strings.HasSuffix(r.Path, "/"), other == "", other == r.Service:
			case first == "":
				first = fmt.Sprintf("%s%sx leads to service %s by one of them and to %s by the other", host, r.Path, r.Service, other)
			default:
				more++
			}
		}
	}
	if first == "" {
		return nil
	}
	return []string{fmt.Sprintf("the bridge (%s) and new (%s) read a Prefix differently, one by character: %s, and goes in a circle while only one of the two "+
		"has moved (%d more such paths); set strictPrefixMatching on the Traefik among them, if it is not", m.Kind, inv.Controllers.New, first, more)}
}

// prefixed lists the routes of a host that are read as prefixes.
func (inv *Inventory) prefixed(host string) []ingress.Route {
	var routes []ingress.Route
	for _, ing := range inv.at().byHost[host] {
		for _, r := range ingress.Routes(&ing.Object) {
			if r.Host == host && r.PathType == string(networkingv1.PathTypePrefix) {
				routes = append(routes, r)
			}
		}
	}
	return routes
}

// beside is the Service that takes a path which only begins with the same letters, by path element; "" if none does.
func beside(path string, routes []ingress.Route) (service string) {
	best := -1
	for _, r := range routes {
		if prefix := strings.TrimSuffix(r.Path, "/"); strings.HasPrefix(path+"x", prefix+"/") && len(prefix) > best {
			service, best = r.Service, len(prefix)
		}
	}
	return service
}
