package inventory_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/plan"
)

// town makes an inventory with one workload and one Service for each name, in namespace shop.
func town(names ...string) *inventory.Inventory {
	inv := &inventory.Inventory{Namespaces: []string{"shop"}}
	for _, name := range names {
		labels := map[string]string{"app": name}
		inv.Workloads = append(inv.Workloads, inventory.Workload{Ref: deployment(name), Labels: labels})
		inv.Services = append(inv.Services, inventory.Service{
			Name: ingress.Name{Namespace: "shop", Name: name}, Selector: labels, Ports: []inventory.Port{{Number: 80}},
		})
	}
	return inv
}

func deployment(name string) plan.Ref {
	return plan.Ref{Namespace: "shop", Kind: "Deployment", Name: name}
}

// add makes an Ingress of lines "host/path service"; a path with a special character is a regular expression.
func add(inv *inventory.Inventory, name string, lines ...string) {
	ing := networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	for _, line := range lines {
		where, service, _ := strings.Cut(line, " ")
		host, path, _ := strings.Cut(where, "/")
		as := networkingv1.PathTypePrefix
		if strings.ContainsAny(path, "(*") {
			as = networkingv1.PathTypeImplementationSpecific
		}
		backend := networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}}
		ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{
				{Path: "/" + path, PathType: &as, Backend: networkingv1.IngressBackend{Service: &backend}},
			}},
		}})
	}
	inv.Ingresses = append(inv.Ingresses, inventory.Ingress{Object: ing, Class: "main"})
}

// together shows units as "a+b by x,y".
func together(inv *inventory.Inventory) []string {
	var all []plan.Ref
	for _, w := range inv.Workloads {
		all = append(all, w.Ref)
	}
	var out []string
	for _, u := range inv.Units(all) {
		var names, ings []string
		for _, r := range u.Refs {
			names = append(names, r.Name)
		}
		for _, i := range u.Ingresses {
			ings = append(ings, i.Name)
		}
		line := strings.Join(names, "+") + " by " + strings.Join(ings, ",")
		if u.Circular {
			line += " circular"
		}
		if (len(u.Refs) > 1) != (len(u.Why) > 0) {
			line += fmt.Sprintf(" for %v", u.Why)
		}
		out = append(out, line)
	}
	return out
}

func TestUnitsAreWhatCanOnlyMoveTogether(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() *inventory.Inventory
		want []string
	}{
		{"plain paths move apart", func() *inventory.Inventory {
			inv := town("api", "web")
			add(inv, "x", "a.test/ web", "a.test/api api")
			return inv
		}, []string{"api by x", "web by x"}},
		{"regular expressions of one Ingress", func() *inventory.Inventory {
			inv := town("api", "web", "other")
			add(inv, "x", "a.test/(.*) web", "a.test/api/(.*) api", "a.test/o other")
			return inv
		}, []string{"api+other+web by x"}},
		{"a regular expression beside another Ingress of the host is swapped first", func() *inventory.Inventory {
			inv := town("api", "web", "far")
			add(inv, "a-web", "a.test/ web")
			add(inv, "b-api", "a.test/api/(.*) api")
			add(inv, "c-far", "far.test/ far")
			return inv
		}, []string{"api+web by b-api,a-web", "far by c-far"}},
		{"of two with regular expressions the one with the catch-all is swapped last", func() *inventory.Inventory {
			inv := town("api", "web")
			add(inv, "a", "a.test/api/(.*) api")
			add(inv, "b", "a.test/web/(.*) web")
			return inv
		}, []string{"api+web by b,a"}},
		{"two that carry / for each other", func() *inventory.Inventory {
			inv := town("api", "web")
			add(inv, "a", "a.test/ api", "b.test/x(.*) api")
			add(inv, "b", "b.test/ web", "a.test/y(.*) web")
			return inv
		}, []string{"api+web by b,a circular"}},
		{"an exact host without / under a wildcard", func() *inventory.Inventory {
			inv := town("api", "tenants", "web")
			add(inv, "api", "api.a.test/v1 api")
			add(inv, "tenants", "*.a.test/ tenants")
			add(inv, "web", "web.a.test/ web")
			return inv
		}, []string{"api+tenants by api,tenants", "web by web"}},
		{"a Service that selects two", func() *inventory.Inventory {
			inv := town("blue", "green")
			inv.Services = append(inv.Services, inventory.Service{
				Name: ingress.Name{Namespace: "shop", Name: "both"}, Selector: map[string]string{"tier": "web"},
			})
			inv.Workloads[0].Labels["tier"], inv.Workloads[1].Labels["tier"] = "web", "web"
			return inv
		}, []string{"blue+green by "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, together(c.make())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLevelsPutCallersBeforeCallees(t *testing.T) {
	inv := town("api", "cart", "db", "lone", "queue", "web", "worker")
	for _, call := range []string{"web api", "web cart", "api db", "cart api", "worker queue", "queue worker", "worker db", "db db"} {
		from, to, _ := strings.Cut(call, " ")
		inv.Calls = append(inv.Calls, inventory.Call{From: deployment(from), To: ingress.Name{Namespace: "shop", Name: to}})
	}
	show := func(names ...string) string {
		var refs []plan.Ref
		for _, name := range names {
			refs = append(refs, deployment(name))
		}
		var out []string
		for _, level := range inv.Levels(refs) {
			var line []string
			for _, ref := range level {
				line = append(line, ref.Name)
			}
			out = append(out, strings.Join(line, " "))
		}
		return strings.Join(out, " | ")
	}
	if got, want := show("db", "api", "cart", "lone", "queue", "web", "worker"), "lone queue web worker | cart | api | db"; got != want {
		t.Errorf("levels: %s", got)
	}
	if got, want := show("db", "web"), "db web"; got != want {
		t.Errorf("levels of two that call each other by others only: %s", got)
	}
	if got := show(); got != "" {
		t.Errorf("levels of nothing: %s", got)
	}
}

// TestNoRequestIsMisledBetweenIngressesOfOneHost moves random Services of random Ingresses that share hosts and asks the
// reference matcher, over all Ingresses at once, where every request goes. Only units move as a whole.
func TestNoRequestIsMisledBetweenIngressesOfOneHost(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	hosts := []string{"a.test", "b.test", "*.test", "c.a.test", "*.a.test"}
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/b", "/v1.0"}
	names := []string{"s1", "s2", "s3", "s4"}
	for round := range 3000 {
		inv := town(names...)
		taken := map[string]bool{}
		for i := range 2 + random.IntN(2) {
			var lines []string
			for range 1 + random.IntN(4) {
				where := hosts[random.IntN(len(hosts))] + paths[random.IntN(len(paths))]
				if !taken[where] {
					taken[where] = true
					lines = append(lines, where+" "+names[random.IntN(len(names))])
				}
			}
			if len(lines) > 0 {
				add(inv, fmt.Sprintf("i%d", i), lines...)
			}
		}
		moved := map[string]bool{}
		for _, u := range inv.Units([]plan.Ref{deployment("s1"), deployment("s2"), deployment("s3"), deployment("s4")}) {
			if random.IntN(2) == 0 {
				for _, r := range u.Refs {
					moved[r.Name] = true
				}
			}
		}
		checkTown(t, inv, moved, paths)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

func checkTown(t *testing.T, inv *inventory.Inventory, moved map[string]bool, paths []string) {
	t.Helper()
	var old, new []*networkingv1.Ingress
	roots := map[string]int{}
	for i := range inv.Ingresses {
		ing := &inv.Ingresses[i]
		target := inv.Target(ing.Name(), "main")
		old = append(old, &ing.Object)
		new = append(new, ingress.Desired(&ing.Object, func(s string) bool { return moved[s] }, target))
		for _, r := range ingress.Routes(ingress.Desired(&ing.Object, nil, target)) {
			if r.Path == "/" {
				roots[r.Host]++
			}
		}
	}
	for _, host := range inv.Hosts() {
		if roots[host] != 1 {
			t.Errorf("%d Ingresses carry / of %s", roots[host], host)
		}
		ask := strings.Replace(host, "*", "x", 1)
		for _, path := range append([]string{"/none", "/ab", "/a/x", "/a/b/x"}, paths...) {
			want := pick(ask, path, old)
			got := pick(ask, path, new)
			if want != "" && !moved[want] {
				want = ingress.ProxyService
			}
			unmatched := want == "" && (got == ingress.ProxyService || got == "") // old answers 404, whoever is asked
			if got != want && !unmatched {
				t.Errorf("%s%s goes to %q, not %q; moved %v\n%v", ask, path, got, want, moved, cmp.Diff(old, new))
			}
		}
	}
}

// pick is the reference matcher of the Ingress API: the exact host before a wildcard, the longest Prefix by element.
func pick(host, path string, ings []*networkingv1.Ingress) string {
	for _, exact := range []bool{true, false} {
		service, best, known := "", -1, false
		for _, ing := range ings {
			for _, rule := range ing.Spec.Rules {
				if exact != (rule.Host == host) || (!exact && !ingress.Covers(rule.Host, host)) {
					continue
				}
				known = true
				for _, p := range rule.HTTP.Paths {
					prefix := strings.TrimSuffix(p.Path, "/")
					if (path == prefix || strings.HasPrefix(path, prefix+"/")) && len(prefix) > best {
						service, best = p.Backend.Service.Name, len(prefix)
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

func BenchmarkCheckOf5000Ingresses(b *testing.B) {
	var names []string
	for i := range 2000 {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	p := &plan.Plan{}
	p.Spec.Namespaces = []string{"shop"}
	p.Spec.Entry.Old.IngressClass = "main"
	p.Spec.Waves = []plan.Wave{{Name: "all"}}
	for _, name := range names {
		p.Spec.Waves[0].Workloads = append(p.Spec.Waves[0].Workloads, plan.Workload{Ref: deployment(name)})
	}
	for b.Loop() {
		inv := town(names...)
		for i := range 5000 {
			add(inv, fmt.Sprintf("i%d", i), fmt.Sprintf("h%d.test/ %s", i, names[i%2000]), fmt.Sprintf("h%d.test/a %s", i, names[(i+1)%2000]))
		}
		if err := inventory.Check(p, inv); err != nil {
			b.Fatal(err)
		}
		for _, name := range names {
			if !slices.ContainsFunc(inv.RoutesOf(deployment(name)), func(r ingress.Route) bool { return r.Service == name }) {
				b.Fatal(name)
			}
		}
	}
}
