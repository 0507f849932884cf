package ingress

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// special are the characters that make a path a regular expression where a controller reads it as one. The dot is not
// among them: /.well-known and /v1.0 are plain paths in everybody's mind, and the dot alone never is a pattern.
const special = `\^$|?*+()[]{}`

// typeOf returns the path type; the API demands one, objects made by hand in tests and fuzzers may lack it.
func typeOf(p networkingv1.HTTPIngressPath) networkingv1.PathType {
	if p.PathType == nil {
		return networkingv1.PathTypeImplementationSpecific
	}
	return *p.PathType
}

// isRegex says whether old's controller may read this path as a regular expression: always where an annotation says so
// (ingress-nginx), and of an implementation-specific one (Contour, HAProxy). A path without special characters is a
// prefix to every controller.
func isRegex(ing *networkingv1.Ingress, p networkingv1.HTTPIngressPath) bool {
	if !strings.ContainsAny(p.Path, special) {
		return false
	}
	return typeOf(p) == networkingv1.PathTypeImplementationSpecific || readsRegex(ing)
}

// readsRegex says whether an annotation turns every path of the Ingress into a regular expression; in ingress-nginx
// rewrite-target does, whatever use-regex says.
func readsRegex(ing *networkingv1.Ingress) bool {
	_, rewrites := ing.Annotations[nginx+"rewrite-target"]
	return rewrites || ing.Annotations[nginx+"use-regex"] == "true"
}

// HasRegex says whether any path of the Ingress is a regular expression. Such a host moves as a whole, see the package
// comment.
func HasRegex(ing *networkingv1.Ingress) bool { return regexPath(ing) != "" }

// regexPath returns the first path that is a regular expression, or "".
func regexPath(ing *networkingv1.Ingress) string {
	for _, rule := range ing.Spec.Rules {
		for _, p := range paths(rule) {
			if isRegex(ing, p) {
				return p.Path
			}
		}
	}
	return ""
}

// literal returns what a regular expression begins with, for a request that is to match it: /api(/|$)(.*) gives /api.
func literal(path string) string {
	path = strings.TrimPrefix(path, "^")
	i := strings.IndexAny(path, special)
	if i < 0 {
		return path
	}
	if strings.IndexByte("?*{", path[i]) >= 0 && i > 0 { // the character before it may be absent
		i--
	}
	return strings.TrimSuffix(path[:i], ".")
}

// CatchesAll says whether a path takes every request of its host that no other path takes.
func CatchesAll(ing *networkingv1.Ingress, p networkingv1.HTTPIngressPath) bool {
	return (p.Path == "/" || p.Path == "") && typeOf(p) != networkingv1.PathTypeExact && !isRegex(ing, p)
}

// HasRoot says whether an Ingress has a path of its own that catches everything of the host.
func HasRoot(ing *networkingv1.Ingress, host string) bool {
	for _, rule := range ing.Spec.Rules {
		if rule.Host != host {
			continue
		}
		for _, p := range paths(rule) {
			if CatchesAll(ing, p) {
				return true
			}
		}
	}
	return false
}
