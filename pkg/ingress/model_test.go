package ingress_test

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/pkg/ingress"
)

// pick is the reference matcher: what the Ingress API says about a request. Hosts: the exact name before a wildcard.
// Paths: Exact first, then the longest Prefix by path element; an implementation-specific path counts as a Prefix. Of
// equals the first one. "" means that no path matches.
func pick(host, path string, ings ...*networkingv1.Ingress) string {
	for _, exact := range []bool{true, false} {
		service, best, known := "", -1, false
		for _, ing := range ings {
			for _, rule := range ing.Spec.Rules {
				if exact != (rule.Host == host) || (!exact && !ingress.Covers(rule.Host, host)) || rule.HTTP == nil {
					continue
				}
				known = true
				for _, p := range rule.HTTP.Paths {
					if n := weigh(p, path); n > best && p.Backend.Service != nil {
						service, best = p.Backend.Service.Name, n
					}
				}
			}
		}
		if known {
			return service
		}
	}
	return ""
}

func weigh(p networkingv1.HTTPIngressPath, path string) int {
	if *p.PathType == networkingv1.PathTypeExact {
		if p.Path == path {
			return 1 << 20
		}
		return -1
	}
	prefix := strings.TrimSuffix(p.Path, "/")
	if path == prefix || strings.HasPrefix(path, prefix+"/") {
		return len(prefix)
	}
	return -1
}

// source makes choices from bytes, so that the fuzzer and a random generator drive the same model. It runs dry into
// zeros.
type source struct{ data []byte }

func (s *source) below(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := int(s.data[0])
	s.data = s.data[1:]
	return b % n
}

var (
	modelHosts    = []string{"a.test", "b.test", "*.test", "*.a.test"}
	modelPaths    = []string{"/", "/a", "/a/b", "/a/b/c", "/b", "/ab", "/b/", "/v1.0", "/.well-known"}
	modelServices = []string{"web", "api", "cart", "report"}
	modelTypes    = []networkingv1.PathType{networkingv1.PathTypePrefix, networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific}
	modelNotes    = []string{
		"nginx.ingress.kubernetes.io/proxy-body-size", "example.com/team", "external-dns.alpha.kubernetes.io/ttl", "cert-manager.io/issuer",
		"argocd.argoproj.io/tracking-id", "nginx.ingress.kubernetes.io/rewrite-target", "nginx.ingress.kubernetes.io/enable-cors",
	}
	requestHosts = []string{"a.test", "b.test", "c.test", "x.a.test"}
	requestPaths = []string{"/", "/a", "/a/", "/ab", "/a/b", "/a/bc", "/a/b/c/d", "/b", "/b/x", "/v1.0/x", "/none", "/.well-known/x"}
)

// ingressOf makes a random Ingress. Its host and path pairs are unique among all Ingresses made with the same taken,
// for Unsupported and the inventory refuse doubles.
func ingressOf(s *source, name string, taken map[string]bool) *networkingv1.Ingress {
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Annotations: map[string]string{}}}
	for range s.below(4) {
		ing.Annotations[modelNotes[s.below(len(modelNotes))]] = "x"
	}
	for range 1 + s.below(3) {
		rule := networkingv1.IngressRule{Host: modelHosts[s.below(len(modelHosts))]}
		rule.HTTP = &networkingv1.HTTPIngressRuleValue{}
		for range 1 + s.below(4) {
			as, path := modelTypes[s.below(len(modelTypes))], modelPaths[s.below(len(modelPaths))]
			key := fmt.Sprint(rule.Host, strings.TrimSuffix(path, "/"), as == networkingv1.PathTypeExact)
			backend := networkingv1.IngressServiceBackend{Name: modelServices[s.below(len(modelServices))]}
			backend.Port.Number = int32(80 + s.below(2))
			if taken[key] {
				continue
			}
			taken[key] = true
			rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{
				Path: path, PathType: &as, Backend: networkingv1.IngressBackend{Service: &backend},
			})
		}
		if len(rule.HTTP.Paths) > 0 {
			ing.Spec.Rules = append(ing.Spec.Rules, rule)
		}
	}
	return ing
}

func someServices(s *source) func(string) bool {
	bits := s.below(16)
	return func(name string) bool {
		for i, known := range modelServices {
			if name == known {
				return bits&(1<<i) != 0
			}
		}
		return false
	}
}
