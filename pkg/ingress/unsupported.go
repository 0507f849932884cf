package ingress

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Unsupported lists what of an Ingress cannot be carried to any cluster: the reason and, after a semicolon, the way out.
// The name of the Ingress is not part of it.
func Unsupported(ing *networkingv1.Ingress) []string {
	out := unsupportedRules(ing)
	for _, key := range slices.Sorted(maps.Keys(ing.Annotations)) {
		value := ing.Annotations[key]
		g, _ := find(key)
		switch {
		case g.do == refuse && !harmless(key, value):
			reason, way, _ := strings.Cut(g.why, "; ")
			out = append(out, fmt.Sprintf("annotation %s: %s; way out: %s", key, reason, way))
		case speaksGRPC(key, value):
			out = append(out, fmt.Sprintf("annotation %s: %s: the way to old speaks HTTP/1.1, and gRPC needs HTTP/2 all along; "+
				"way out: none while proxied, move this host by hand", key, value))
		case key == traefik+"router.middlewares":
			out = append(out, foreignMiddlewares(ing.Namespace, value)...)
		}
	}
	return out
}

func unsupportedRules(ing *networkingv1.Ingress) []string {
	var out []string
	if len(ing.Spec.Rules) == 0 {
		out = append(out, "it has no rules, only a default backend: what has no name cannot be probed or moved by name; "+
			"way out: write its hosts as rules")
	}
	for _, rule := range ing.Spec.Rules {
		if rule.Host == "" {
			out = append(out, "a rule without host: it takes every name, so none can be probed or moved; way out: write its hosts as rules")
		}
		if rule.Host != "" && len(paths(rule)) == 0 {
			out = append(out, fmt.Sprintf("host %s has no paths: it means something else to every controller; way out: give it a path", rule.Host))
		}
	}
	eachBackend(ing, func(at place, b *networkingv1.IngressBackend) {
		where := fmt.Sprintf("%s%s", at.host, at.path)
		switch {
		case at.nth > 1:
			out = append(out, fmt.Sprintf("%s (%s) is there twice: which one answers depends on the controller; way out: remove one", where, at.as))
		case b.Service == nil:
			out = append(out, fmt.Sprintf("the backend of %s is a resource, not a Service: it cannot be proxied; way out: put a Service before it", where))
		case b.Service.Name == ProxyService || b.Service.Name == TailService:
			out = append(out, fmt.Sprintf("the backend of %s is %s, a name of cutover's own; way out: finish or roll back the other migration, "+
				"or rename the Service", where, b.Service.Name))
		}
	})
	return out
}

// harmless are values that switch a refused annotation off, or say what is the default anyhow.
func harmless(key, value string) bool {
	switch key {
	case traefik + "router.pathmatcher":
		return value == "PathPrefix"
	default:
		return value == "false"
	}
}

func speaksGRPC(key, value string) bool {
	protocol := strings.ToUpper(value)
	switch strings.TrimPrefix(key, dialectOf(key)) {
	case "backend-protocol":
		return strings.HasPrefix(protocol, "GRPC") || strings.HasPrefix(protocol, "H2")
	case "server-proto":
		return protocol == "H2"
	}
	return false
}

// foreignMiddlewares names Traefik middlewares of other namespaces; the annotation writes them as
// <namespace>-<name>@kubernetescrd.
func foreignMiddlewares(ns, value string) []string {
	var out []string
	for ref := range strings.SplitSeq(value, ",") {
		ref = strings.TrimSpace(ref)
		if name, crd := strings.CutSuffix(ref, "@kubernetescrd"); crd && !strings.HasPrefix(name, ns+"-") {
			out = append(out, fmt.Sprintf("annotation %srouter.middlewares: %s is of another namespace, which may not exist in new or say something else there; "+
				"way out: define it in namespace %s", traefik, ref, ns))
		}
	}
	return out
}

// Atomic says whether the Services of an Ingress can only move together, and why. For an Ingress with one Service it is
// no restriction.
func Atomic(ing *networkingv1.Ingress) (reason string, yes bool) {
	if path := regexPath(ing); path != "" {
		return fmt.Sprintf("path %s is a regular expression: which requests it takes can only be told by the controller that has all paths", path), true
	}
	for _, key := range slices.Sorted(maps.Keys(ing.Annotations)) {
		if g, _ := find(key); g.do == restore {
			return fmt.Sprintf("annotation %s holds for all of its paths: %s", key, g.why), true
		}
	}
	if ing.Spec.DefaultBackend != nil && len(ing.Spec.Rules) > 0 {
		return "it has rules and a default backend: what matches no rule would go in circles while one is in old and the other in new", true
	}
	return "", false
}
