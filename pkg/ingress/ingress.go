// Package ingress reads and rewrites Ingress objects. It is pure: no client, no clock, no state; the same input gives
// the same output in every job, which is what lets a later job find and take back what an earlier one did.
//
// # What an Ingress in new looks like
//
// There is one Ingress in new for each Ingress in old, with the same namespace and name, and the move of a Service is one
// update of that one object: a second Ingress for the same host and path would be a conflict, and in most controllers
// the older one wins. Desired computes the object from three things: old's Ingress, the Services that have moved, and
// the Target.
//
//   - Every path of old is listed, with its path and its path type, while anything is proxied too. A moved one leads to
//     its own Service, any other one to the proxy. So a longer path that stays is never swallowed by a shorter one that
//     went, not even by one of another Ingress of the same host, and a move changes backends and nothing else.
//   - One Ingress of each host also leads "/" to the proxy for as long as it has anything proxied: what matches no path
//     of old is still answered by old. Which Ingress that is, is Target.Root; the inventory, which sees all of them,
//     chooses. A host with a path "/" of its own needs none.
//   - A regular expression is not listed while it is proxied: controllers do not agree on what one matches, and the "/"
//     of its host leads it to the proxy anyhow.
//   - Annotations: while anything is proxied only what has to happen where clients and TLS end (see table.go). Old goes
//     on rewriting, authenticating, limiting; done twice, that breaks requests. When everything of the Ingress has
//     moved, the original rules and annotations come back.
//
// An Ingress with an annotation that comes back, or with a regular expression, cannot be half in old and half in new:
// Atomic says so, and both Desired and Tailed treat its Services as moved only when all of them are.
//
// # Why requests cannot go in a circle
//
// New leads to the proxy what has not moved, and old's tailed Ingress leads to new what has. A request would circle if
// new and old disagreed about which of the two it is. They cannot as long as both see the same list of paths and match
// it alike: Desired and Tailed take the same function moved, list the same paths and treat atomic Ingresses alike. Three
// things remain, and the inventory makes all that is concerned move as one: a host with a regular expression, an exact
// host without "/" under a wildcard host, and one Ingress with both rules and a default backend. Where new and old read
// "Prefix" differently (Traefik by character unless strictPrefixMatching is set, others by path element), only the requests
// between the two readings are concerned, such as /apix under /api. They go round once at most, unless it is the bridge and
// the inner entry that differ: then they circle until somebody gives up, and package inventory warns where it can tell.
package ingress

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Names that cutover gives its own objects, and the response header by which an answer tells that it came through.
const (
	ProxyService  = "cutover-proxy"  // in new, one per namespace: leads to the bridge of old
	TailService   = "cutover-tail"   // in old, one per namespace: leads to the inner entry of new
	KeeperIngress = "cutover-keeper" // in new, one per namespace: keeps the proxy in use in mid-swap
	ViaHeader     = "X-Cutover-Via"
	portName      = "http" // of both Services
)

// Name is the namespace and the name of an Ingress or a Service.
type Name struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func (n Name) String() string { return n.Namespace + "/" + n.Name }

// NameOf returns the name of an Ingress.
func NameOf(ing *networkingv1.Ingress) Name { return Name{ing.Namespace, ing.Name} }

// Target is what Desired has to know about new, and about the Ingresses beside the one in hand.
type Target struct {
	Class string // ingress class in new

	// Controller and From are spec.controller of the IngressClass in new and in old, such as k8s.io/ingress-nginx: they
	// tell whose annotations are obeyed on which side. Empty means that nobody could tell.
	Controller, From string

	// Root says whether this Ingress carries the catch-all "/" of a host while it has anything proxied. Nil: of every
	// host, which is right for an Ingress that shares no host.
	Root func(host string) bool

	// HandOver gives the annotations of external-dns and cert-manager back, once DNS has moved.
	HandOver bool
}

func (t Target) root(host string) bool { return t.Root == nil || t.Root(host) }

// Route is one path of one host of one Ingress.
type Route struct {
	Ingress   Name                            `json:"ingress"`
	Host      string                          `json:"host"` // "" for a rule without host and for the default backend
	Path      string                          `json:"path"` // "" for the default backend
	PathType  string                          `json:"pathType"`
	Regex     bool                            `json:"regex,omitempty"` // the path is a regular expression
	Service   string                          `json:"service"`         // "" for a resource backend
	Port      networkingv1.ServiceBackendPort `json:"port"`
	TLS       bool                            `json:"tls,omitempty"`
	TLSSecret string                          `json:"tlsSecret,omitempty"` // "" with TLS: the controller's default certificate
}

// Ask returns a host and a path that a request must name to take this route: a label in place of a wildcard, and of a
// regular expression the part before its first special character.
func (r Route) Ask() (host, path string) {
	host, path = r.Host, r.Path
	if rest, wild := strings.CutPrefix(host, "*."); wild {
		host = "cutover-probe." + rest
	}
	if r.Regex {
		path = literal(path)
	}
	if path == "" {
		path = "/"
	}
	return host, path
}

// Routes lists every host and path of an Ingress, rules without host and the default backend too.
func Routes(ing *networkingv1.Ingress) []Route {
	var routes []Route
	for _, rule := range ing.Spec.Rules {
		for _, p := range paths(rule) {
			r := Route{Ingress: NameOf(ing), Host: rule.Host, Path: p.Path, PathType: string(typeOf(p)), Regex: isRegex(ing, p)}
			r.TLS, r.TLSSecret = certificate(ing, rule.Host)
			r.Service, r.Port = service(p.Backend)
			routes = append(routes, r)
		}
	}
	if ing.Spec.DefaultBackend != nil {
		r := Route{Ingress: NameOf(ing)}
		r.Service, r.Port = service(*ing.Spec.DefaultBackend)
		routes = append(routes, r)
	}
	return routes
}

// Services lists the Services behind an Ingress, sorted, each one once.
func Services(ing *networkingv1.Ingress) []string {
	var names []string
	for _, r := range Routes(ing) {
		if r.Service != "" {
			names = append(names, r.Service)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Hosts lists the hosts of the rules in their order, each one once.
func Hosts(ing *networkingv1.Ingress) []string {
	var hosts []string
	for _, rule := range ing.Spec.Rules {
		if !slices.Contains(hosts, rule.Host) {
			hosts = append(hosts, rule.Host)
		}
	}
	return hosts
}

// Keeper is the host of the keeper Ingress of a namespace: one of cutover's own, that always leads to the proxy.
func Keeper(ns, plan string) string { return "keeper-" + ns + "." + plan + ".cutover.internal" }

func paths(rule networkingv1.IngressRule) []networkingv1.HTTPIngressPath {
	if rule.HTTP == nil {
		return nil
	}
	return rule.HTTP.Paths
}

func service(b networkingv1.IngressBackend) (string, networkingv1.ServiceBackendPort) {
	if b.Service == nil {
		return "", networkingv1.ServiceBackendPort{}
	}
	return b.Service.Name, b.Service.Port
}

// certificate says whether a host is in the TLS section, by name or under a wildcard, and with which Secret.
func certificate(ing *networkingv1.Ingress, host string) (tls bool, secret string) {
	for _, t := range ing.Spec.TLS {
		if slices.Contains(t.Hosts, host) {
			return true, t.SecretName
		}
	}
	for _, t := range ing.Spec.TLS {
		if slices.ContainsFunc(t.Hosts, func(h string) bool { return Covers(h, host) }) {
			return true, t.SecretName
		}
	}
	return false, ""
}

// Covers says whether host is under the wildcard host wild: exactly one label in place of the star.
func Covers(wild, host string) bool {
	rest, ok := strings.CutPrefix(wild, "*")
	if !ok || strings.HasPrefix(host, "*") {
		return false
	}
	label, found := strings.CutSuffix(host, rest)
	return found && label != "" && !strings.Contains(label, ".")
}
