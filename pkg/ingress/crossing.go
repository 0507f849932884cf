package ingress

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Crossing says what a change of controllers does to an Ingress once everything of it has moved: refusals (reason; way
// out) for what would let somebody in or answer differently for sure, warnings for the rest. An annotation that old's
// controller does not obey either is nobody's loss.
func Crossing(ing *networkingv1.Ingress, t Target) (refusals, warnings []string) {
	for _, key := range slices.Sorted(maps.Keys(ing.Annotations)) {
		g, _ := find(key)
		dialect := dialectOf(key)
		if dialect == "" || (g.do != restore && g.do != carry) || !obeys(t.From, dialect, true) || obeys(t.Controller, dialect, false) {
			continue
		}
		switch {
		case t.Controller == "" && (g.secure || g.needed):
			refusals = append(refusals, fmt.Sprintf("annotation %s: could not tell whether the controller of class %s in new obeys it (%s); "+
				"way out: create the IngressClass in new with its spec.controller", key, t.Class, g.why))
		case t.Controller == "":
		case g.secure && !translated(ing, t):
			refusals = append(refusals, fmt.Sprintf("annotation %s: after the move %s would not enforce it; "+
				"way out: add what says the same to %s", key, t.Controller, spoken(t)))
		case g.needed && !translated(ing, t):
			refusals = append(refusals, fmt.Sprintf("annotation %s: after the move %s would not obey it, and requests would be answered differently; "+
				"way out: add what says the same to %s", key, t.Controller, spoken(t)))
		default:
			warnings = append(warnings, fmt.Sprintf("annotation %s has no effect on %s, which obeys other annotations", key, t.Controller))
		}
	}
	if path := regexPath(ing); path != "" && !readsRegex(ing) && t.From != t.Controller {
		refusals = append(refusals, fmt.Sprintf("path %s: a regular expression to one controller and a plain prefix to another, and %q is not %q; "+
			"way out: write it as a plain path", path, t.Controller, t.From))
	}
	return refusals, warnings
}

// obeys says whether a controller obeys annotations of a dialect; unsure is the answer for one that is not known.
func obeys(controller, dialect string, unsure bool) bool {
	spoken, known := dialects[controller]
	if !known {
		return unsure
	}
	return slices.Contains(spoken, dialect)
}

// translated says whether the Ingress also tells new's controller how to behave: whoever wrote that has thought of it.
func translated(ing *networkingv1.Ingress, t Target) bool {
	for key := range ing.Annotations {
		if g, _ := find(key); g.do == restore && obeys(t.Controller, dialectOf(key), false) {
			return true
		}
	}
	return false
}

func spoken(t Target) string {
	if prefixes := dialects[t.Controller]; len(prefixes) > 0 {
		return "it as annotations under " + prefixes[0]
	}
	return "it as annotations of that controller"
}

// Warnings lists what a person should know about an Ingress although it can be carried.
func Warnings(ing *networkingv1.Ingress) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(ing.Annotations)) {
		g, known := find(key)
		switch {
		case !known:
			out = append(out, fmt.Sprintf("annotation %s is not known: it is left to old while old answers, and comes back when everything has moved", key))
		case g.do == restore && g.secure:
			out = append(out, fmt.Sprintf("annotation %s: while proxied only the bridge enforces it, so the bridge's controller must obey it", key))
		case key == traefik+"router.entrypoints":
			out = append(out, fmt.Sprintf("annotation %s: the bridge, new's entry and its inner entry must have entry points of these names (%s)",
				key, ing.Annotations[key]))
		}
		if key == traefik+"router.middlewares" {
			out = append(out, fmt.Sprintf("annotation %s: the middlewares themselves are not carried and must be in new (%s)", key, ing.Annotations[key]))
		}
	}
	hosts := Hosts(ing)
	for _, t := range ing.Spec.TLS {
		if t.SecretName == "" {
			out = append(out, fmt.Sprintf("TLS of %s has no Secret: the default certificate of each controller is served", strings.Join(t.Hosts, ", ")))
		}
		for _, host := range t.Hosts {
			covers := func(h string) bool { return h == host || Covers(host, h) || Covers(h, host) }
			if !slices.ContainsFunc(hosts, covers) {
				out = append(out, fmt.Sprintf("TLS host %s is in no rule: nothing is served, probed or moved under that name", host))
			}
		}
	}
	return out
}
