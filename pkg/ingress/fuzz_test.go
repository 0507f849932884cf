package ingress_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/ingress"
)

// FuzzForeign reads any two Ingresses, also those that no API server would take: somebody may change old's while it is
// tailed, and a frozen one may be of another build. Nothing may panic, change what it was given, or lead a request to
// where nobody led it.
func FuzzForeign(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 4 {
		f.Fatalf("examples: %v, %v", files, err)
	}
	for i, file := range files {
		one, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		two, err := os.ReadFile(files[(i+1)%len(files)])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(one, one, "cart")
		f.Add(one, two, "web")
	}
	f.Add([]byte(`{spec: {rules: [{}, {host: "*.", http: {paths: [{}, {path: "(", backend: {resource: {kind: x}}}]}}], tls: [{}]}}`),
		[]byte(`{spec: {defaultBackend: {service: {name: cutover-tail}}, rules: [{http: {paths: [{path: /}]}}]}}`), "")
	f.Fuzz(func(t *testing.T, one, two []byte, name string) {
		frozen, live := &networkingv1.Ingress{}, &networkingv1.Ingress{}
		if yaml.Unmarshal(one, frozen) != nil || yaml.Unmarshal(two, live) != nil {
			return
		}
		wasFrozen, wasLive := frozen.DeepCopy(), live.DeepCopy()
		checkForeign(t, frozen, live, func(s string) bool { return s == name })
		if d := cmp.Diff(wasFrozen, frozen) + cmp.Diff(wasLive, live); d != "" {
			t.Fatalf("what was given was changed:\n%s", d)
		}
	})
}

func checkForeign(t *testing.T, frozen, live *networkingv1.Ingress, moved func(string) bool) {
	t.Helper()
	target := ingress.Target{Class: "main", Controller: "k8s.io/ingress-nginx", From: "projectcontour.io/main"}
	ingress.Unsupported(frozen)
	ingress.Warnings(frozen)
	ingress.Crossing(frozen, target)
	for _, r := range ingress.Routes(frozen) {
		if host, path := r.Ask(); path == "" || strings.HasPrefix(host, "*.") {
			t.Fatalf("%q%q is asked as %q%q", r.Host, r.Path, host, path)
		}
	}
	desired := ingress.Desired(frozen, moved, target)
	for _, rule := range desired.Spec.Rules {
		if rule.HTTP == nil || len(rule.HTTP.Paths) == 0 {
			if whole := len(ingress.Routes(frozen)) > 0; !whole {
				t.Fatalf("a rule without a path is invalid:\n%s", shown(frozen, desired))
			}
		}
	}
	for _, r := range ingress.Routes(desired) {
		if r.Service != ingress.ProxyService && !moved(r.Service) {
			t.Fatalf("%s%s leads to %q, which did not move:\n%s", r.Host, r.Path, r.Service, shown(frozen, desired))
		}
	}
	for s := range ingress.Moved(frozen, live) {
		if !leads(live, s) {
			t.Fatalf("%s counts as moved, and nothing leads there", s)
		}
	}
	untailed := ingress.Untailed(live, frozen)
	for i, r := range ingress.Routes(untailed) {
		switch was := ingress.Routes(live)[i]; {
		case was.Service != ingress.TailService && r != was:
			t.Fatalf("untailing changed a route that was not tailed:\n%s", shown(live, untailed))
		case r.Service != was.Service && !leads(frozen, r.Service):
			t.Fatalf("untailed to %q, which was never there:\n%s", r.Service, shown(live, untailed))
		}
	}
	if d := cmp.Diff(untailed.Spec, ingress.Untailed(untailed, frozen).Spec); d != "" {
		t.Fatalf("untailing twice differs:\n%s", d)
	}
}

// leads says whether a route of the Ingress leads to the Service.
func leads(ing *networkingv1.Ingress, service string) bool {
	for _, r := range ingress.Routes(ing) {
		if r.Service == service {
			return true
		}
	}
	return false
}
