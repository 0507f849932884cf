package ingress_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/ingress"
)

func TestEveryRequestGoesWhereItBelongs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		checkModel(t, randomBytes(random, 80))
		if t.Failed() {
			return
		}
	}
}

func FuzzDesired(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x02\x00\x03\x00\x00\x00\x00\x01\x00\x01\x02\x02\x05"))
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(randomBytes(random, 60))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkModel(t, data) })
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// checkModel asks of one random Ingress all that the package comment promises.
func checkModel(t *testing.T, data []byte) {
	t.Helper()
	s := &source{data: data}
	moved := someServices(s)
	old := ingressOf(s, "shop", map[string]bool{})
	before := old.DeepCopy()
	target := ingress.Target{Class: "main", Controller: "k8s.io/ingress-nginx"}
	new := ingress.Desired(old, moved, target)
	local := effective(old, moved)

	if got := ingress.Moved(old, new); !maps.Equal(got, local) {
		t.Fatalf("Moved says %v, not %v, of\n%s", got, local, shown(old, new))
	}
	whole := len(local) > 0 && len(local) == len(ingress.Services(old))
	for _, host := range requestHosts {
		for _, path := range requestPaths {
			want := pick(host, path, old)
			switch {
			case want == "" && whole || pick(host, path, ingress.Desired(old, nil, target)) == "":
			case !local[want]:
				want = ingress.ProxyService
			}
			if got := pick(host, path, new); got != want {
				t.Fatalf("%s%s goes to %q, not %q, by\n%s", host, path, got, want, shown(old, new))
			}
		}
	}
	tailed := ingress.Tailed(old, moved)
	for _, r := range ingress.Routes(tailed) {
		if r.Service != ingress.TailService && local[r.Service] {
			t.Fatalf("%s%s is not tailed:\n%s", r.Host, r.Path, shown(old, tailed))
		}
	}
	if diff := cmp.Diff(old, ingress.Untailed(tailed, old)); diff != "" {
		t.Fatalf("Untailed does not undo Tailed:\n%s", diff)
	}
	if diff := cmp.Diff(before, old); diff != "" {
		t.Fatalf("the Ingress of old was changed:\n%s", diff)
	}
}

// effective is which Services an Ingress has in new: all or none of an atomic one.
func effective(old *networkingv1.Ingress, moved func(string) bool) map[string]bool {
	out := map[string]bool{}
	for _, s := range ingress.Services(old) {
		if moved(s) {
			out[s] = true
		}
	}
	if _, atomic := ingress.Atomic(old); atomic && len(out) < len(ingress.Services(old)) {
		clear(out)
	}
	return out
}

func shown(a, b *networkingv1.Ingress) string { return cmp.Diff(a, b) }

func TestALongerPathThatStaysIsNotSwallowedByAShorterOneThatWent(t *testing.T) {
	_, old := load(t, "testdata/shop.yaml")
	new := ingress.Desired(old, func(s string) bool { return s == "web" }, ingress.Target{Class: "main"})
	for path, want := range map[string]string{"/": "web", "/cart": ingress.ProxyService, "/cart/export": ingress.ProxyService, "/cartoon": "web"} {
		if got := pick("shop.example.com", path, new); got != want {
			t.Errorf("%s goes to %s, not %s", path, got, want)
		}
	}
}

func TestOnlyTheRootOfAHostCatchesWhatMatchesNothing(t *testing.T) {
	_, old := load(t, "testdata/rewrite.yaml")
	for _, root := range []bool{true, false} {
		new := ingress.Desired(old, nil, ingress.Target{Root: func(string) bool { return root }})
		got := pick("api.example.com", "/v1/orders", new)
		if want := map[bool]string{true: ingress.ProxyService, false: ""}[root]; got != want {
			t.Errorf("root %v: goes to %q, not %q", root, got, want)
		}
		if rules := new.Spec.Rules; len(rules) != 1 || len(rules[0].HTTP.Paths) != 1 {
			t.Errorf("root %v: a rule without a path is invalid: %v", root, rules)
		}
	}
}

func TestAnIngressWithoutBackendsIsNeverMoved(t *testing.T) {
	old := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: "a.test"}}}}
	new := ingress.Desired(old, func(string) bool { return true }, ingress.Target{})
	if got := pick("a.test", "/", new); got != ingress.ProxyService {
		t.Errorf("goes to %q", got)
	}
	if moved := ingress.Moved(old, new); len(moved) > 0 {
		t.Errorf("moved: %v", moved)
	}
}

func TestAHalfSwappedServiceCountsAsNotMoved(t *testing.T) {
	_, old := load(t, "testdata/shop.yaml")
	live := ingress.Desired(old, func(s string) bool { return s == "web" }, ingress.Target{})
	if !ingress.Moved(old, live)["web"] {
		t.Fatal("web has moved")
	}
	live.Spec.Rules[1].HTTP.Paths[0].Backend.Service.Name = ingress.ProxyService
	if ingress.Moved(old, live)["web"] {
		t.Error("one of the two paths of web leads to the proxy, so web has not moved")
	}
	live = ingress.Desired(old, func(s string) bool { return s == "cart" }, ingress.Target{})
	live.Spec.Rules[0].HTTP.Paths[1].Backend.Service.Port.Number++
	if ingress.Moved(old, live)["cart"] {
		t.Error("cart is on another port than in old")
	}
}

func TestAPathThatIsEmptyIsTheRoot(t *testing.T) {
	as := networkingv1.PathTypeImplementationSpecific
	old := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
		Host: "a.test",
		IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{PathType: &as}},
		}},
	}}}}
	if paths := ingress.Desired(old, nil, ingress.Target{}).Spec.Rules[0].HTTP.Paths; len(paths) != 1 {
		t.Errorf("a second catch-all beside the one that is there: %v", paths)
	}
}
