package ingress

import (
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Disabled is the value by which external-dns leaves an object alone: anything but dns-controller.
const Disabled = "cutover-disabled"

// externalDNS are the annotation prefixes of external-dns: the default changed in v0.22, and clusters run both.
var externalDNS = []string{"external-dns.alpha.kubernetes.io", "external-dns.kubernetes.io"}

// ownerLabels say who made the object in old. In new it is cutover's, and a GitOps controller of new that finds its own
// label on it would prune it. app.kubernetes.io/instance is the label by which Argo CD tracks unless told otherwise.
var ownerLabels = []string{
	"app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "argocd.argoproj.io/", "helm.sh/",
	"kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "olm.owner",
}

// frontDoor is what the first hop must be told where old's Ingress says nothing, by the controller's prefix: defaults
// that are stricter than old may be. Old enforces its own limits while it answers.
var frontDoor = map[string]map[string]string{
	nginx: {
		nginx + "proxy-body-size":    "0",    // the default of 1m would refuse uploads that old takes
		nginx + "proxy-read-timeout": "3600", // the default of 60 s would cut answers and WebSockets that old lets run
		nginx + "proxy-send-timeout": "3600",
	},
}

func labels(old map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range old {
		if !slices.ContainsFunc(ownerLabels, func(owner string) bool { return strings.HasPrefix(key, owner) }) {
			out[key] = value
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// atFrontDoor returns the annotations while anything is proxied.
func atFrontDoor(old *networkingv1.Ingress, t Target) map[string]string {
	out := map[string]string{}
	for _, prefix := range dialects[t.Controller] {
		maps.Copy(out, frontDoor[prefix])
	}
	for key, value := range old.Annotations {
		if treatmentOf(key) == carry {
			out[key] = value
		}
	}
	return withDNS(out, old, t)
}

// restored returns the annotations when everything has moved: old's own ones, without those that name its owner.
func restored(old *networkingv1.Ingress, t Target) map[string]string {
	out := map[string]string{}
	for key, value := range old.Annotations {
		if do := treatmentOf(key); do != never && do != later {
			out[key] = value
		}
	}
	return withDNS(out, old, t)
}

// withDNS switches external-dns and cert-manager off, under every prefix in use, or hands the object over to them. Where
// old's annotation names the target of the records it does not come back: it is old's own address.
func withDNS(out map[string]string, old *networkingv1.Ingress, t Target) map[string]string {
	if t.HandOver {
		for key, value := range old.Annotations {
			if treatmentOf(key) == later && !(fromDNS(key) && strings.HasSuffix(key, "/target")) {
				out[key] = value
			}
		}
		return out
	}
	for _, prefix := range externalDNS {
		out[prefix+"/controller"] = Disabled
	}
	for key := range old.Annotations {
		if fromDNS(key) {
			out[prefixOf(key)+"/controller"] = Disabled
		}
	}
	return out
}

// fromDNS says whether an annotation is one of external-dns, whatever prefix it was told to obey.
func fromDNS(key string) bool { return strings.Contains(prefixOf(key), "external-dns") }
