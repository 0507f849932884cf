package ingress_test

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
)

// byCharacter reads a Prefix as Traefik does without strictPrefixMatching (its Ingress provider makes a PathPrefix of it,
// which is strings.HasPrefix): /api takes /apix. Everybody else goes by path elements, which pick does.
func byCharacter(_, path string, ings ...*networkingv1.Ingress) string {
	service, best := "", -1
	for _, ing := range ings {
		for _, rule := range ing.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				if strings.HasPrefix(path, p.Path) && len(p.Path) > best {
					service, best = p.Backend.Service.Name, len(p.Path)
				}
			}
		}
	}
	return service
}

// TestOnlyABridgeAndAnInnerEntryThatReadPrefixesDifferentlyLetARequestCircle sends what the two readings disagree about
// through old's entry, the tail, new's inner entry, the proxy and the bridge, for every way of reading and of having moved.
func TestOnlyABridgeAndAnInnerEntryThatReadPrefixesDifferentlyLetARequestCircle(t *testing.T) {
	type matcher = func(host, path string, ings ...*networkingv1.Ingress) string
	readings := []matcher{pick, byCharacter}
	circled := 0
	for bits := range 4 {
		moved := func(s string) bool { return s == "web" && bits&1 != 0 || s == "api" && bits&2 != 0 }
		old := twoPaths()
		tailed, inNew := ingress.Tailed(old, moved), ingress.Desired(old, moved, ingress.Target{})
		for _, entry := range readings {
			for b, bridge := range readings {
				for i, inner := range readings {
					at, rounds := entry("shop.test", "/apix", tailed), 0
					for ; rounds < 10 && at == ingress.TailService; rounds++ {
						if at = inner("shop.test", "/apix", inNew); at == ingress.ProxyService {
							at = bridge("shop.test", "/apix", tailed)
						}
					}
					if rounds > 1 && b == i {
						t.Errorf("moved %02b: bridge and inner entry read alike, and it circled %d times", bits, rounds)
					}
					if rounds == 10 {
						circled++
					}
				}
			}
		}
	}
	if circled == 0 {
		t.Error("nothing circles at all: this test has lost its subject")
	}
}

func twoPaths() *networkingv1.Ingress {
	as := networkingv1.PathTypePrefix
	path := func(p, service string) networkingv1.HTTPIngressPath {
		return networkingv1.HTTPIngressPath{Path: p, PathType: &as, Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}},
		}}
	}
	return &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
		Host: "shop.test", IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path("/", "web"), path("/api", "api")}},
		},
	}}}}
}
