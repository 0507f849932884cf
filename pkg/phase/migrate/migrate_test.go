package migrate

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/probe"
)

var (
	web  = plan.Ref{Namespace: "shop", Kind: "Deployment", Name: "web"}
	cart = plan.Ref{Namespace: "shop", Kind: "Deployment", Name: "cart"}
	api  = plan.Ref{Namespace: "shop", Kind: "Deployment", Name: "api"}
)

func shop() *networkingv1.Ingress {
	path := func(p, service string) networkingv1.HTTPIngressPath {
		prefix := networkingv1.PathTypePrefix
		return networkingv1.HTTPIngressPath{Path: p, PathType: &prefix, Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}},
		}}
	}
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop"},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: "shop.test", IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path("/", "web"), path("/cart", "cart"), path("/api", "api")}},
		}}}},
	}
}

// testWave has a caller (cart) and its callee (api) in one wave, behind one Ingress.
func testWave(t *testing.T) wave {
	t.Helper()
	inv := &inventory.Inventory{Namespaces: []string{"shop"}, Ingresses: []inventory.Ingress{{Object: *shop(), Class: "main"}}}
	w := plan.Wave{Name: "shop"}
	for _, ref := range []plan.Ref{web, cart, api} {
		labels := map[string]string{"app": ref.Name}
		inv.Workloads = append(inv.Workloads, inventory.Workload{Ref: ref, Labels: labels, Replicas: 1})
		inv.Services = append(inv.Services, inventory.Service{
			Name: ingress.Name{Namespace: "shop", Name: ref.Name}, Selector: labels, Ports: []inventory.Port{{Name: "http", Number: 80, Target: "8080"}},
		})
		w.Workloads = append(w.Workloads, plan.Workload{Ref: ref})
	}
	inv.Calls = []inventory.Call{{From: cart, To: ingress.Name{Namespace: "shop", Name: "api"}, Where: "env"}}
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces = []string{"shop"}
	p.Spec.Entry.Old = plan.Entry{Addresses: []string{"192.0.2.1"}, IngressClass: "main"}
	p.Spec.Entry.New = plan.Entry{Addresses: []string{"192.0.2.2"}, IngressClass: "main"}
	p.Spec.Bridge.Marker = "4f9c2a7e"
	p.Spec.Tail = &plan.Tail{Addresses: []string{"192.0.2.3"}, Port: 8080, Marker: "9b3e6d10"}
	p.Spec.Windows.Ready = plan.Duration(time.Minute)
	return wave{Deps: parts.Deps{Plan: p, Inventory: inv, Old: cluster(t, phase.Old), New: cluster(t, phase.New)}, Wave: w}
}

// cluster is a client of a server that is never asked.
func cluster(t *testing.T, env string) *kube.Cluster {
	t.Helper()
	config := base64.StdEncoding.EncodeToString([]byte(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "c", "cluster": {"server": "https://192.0.2.9:6443"}}], "users": [{"name": "u", "user": {"token": "none"}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}`))
	c, err := kube.Connect(t.Context(), env, config, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

type noFacts struct{}

func (noFacts) Fact(string, any) (bool, error) { return false, nil }

func TestCallersMoveBeforeTheirCallees(t *testing.T) {
	m := testWave(t)
	levels := m.levels([]plan.Ref{web, cart, api})
	at := map[string]int{}
	for i, level := range levels {
		for _, u := range level {
			at[u.name] = i
		}
	}
	if len(at) != 3 {
		t.Fatalf("units: %v, want three", at)
	}
	if at[cart.String()] >= at[api.String()] {
		t.Errorf("cart calls api and moves at level %d, api at %d", at[cart.String()], at[api.String()])
	}
}

func TestALaneSwapsProvesTailsDrainsAndThenScalesDown(t *testing.T) {
	m := testWave(t)
	lane := m.move(m.levels([]plan.Ref{cart})[0][0], noFacts{})
	var verbs []string
	watched := 0
	for i, s := range lane {
		verb, _, _ := strings.Cut(s.ID, ":")
		verbs = append(verbs, verb)
		if s.Watch != nil {
			watched++
			if verb != "swap" {
				t.Errorf("the watch begins with %s, not with the swap", s.ID)
			}
		}
		if s.Limit <= 0 || s.Knob == "" {
			t.Errorf("step %d %s has no limit or no knob", i, s.ID)
		}
		if s.Apply != nil && (s.Revert == nil || s.Reverted == nil) {
			t.Errorf("%s has no way back", s.ID)
		}
	}
	want := []string{"baseline", "swap", "prove", "watch", "tail", "tailed", "drain", "scale"}
	if !slices.Equal(verbs, want) {
		t.Errorf("lane %v, want %v", verbs, want)
	}
	if watched != 1 {
		t.Errorf("%d steps have a watch, want 1", watched)
	}
}

func TestGoingBackTakesAwayOnlyTheUnitsOwnServices(t *testing.T) {
	now := leads{mine: []string{"cart"}, now: map[string]bool{"web": true, "cart": true}}
	back := now.without(swapWas{Moved: []string{}})
	if back("cart") || !back("web") {
		t.Errorf("after the way back cart leads to new: %t, web: %t; want false, true", back("cart"), back("web"))
	}
	if kept := now.without(swapWas{Moved: []string{"cart"}}); !kept("cart") {
		t.Error("a service that had moved before is taken back")
	}
	if (leads{now: map[string]bool{}}).all() {
		t.Error("no service at all counts as moved: no evidence is a no")
	}
}

func TestAPatchHoldsOnlyForWhatWasSeen(t *testing.T) {
	frozen := shop()
	target := ingress.Target{Class: "main"}
	proxied := ingress.Desired(frozen, func(string) bool { return false }, target)
	moved := ingress.Desired(frozen, func(s string) bool { return s == "cart" }, target)
	live := proxied.DeepCopy()
	live.Annotations["somebody.example/note"] = "stays"
	u, err := kube.From(kube.Ingress, live)
	if err != nil {
		t.Fatal(err)
	}
	ops, err := replaceRouting(u, live, proxied.Annotations, moved)
	if err != nil {
		t.Fatal(err)
	}
	if len(ops) < 2 || ops[0].Op != "test" || ops[0].Path != "/spec" || ops[1].Op != "replace" {
		t.Fatalf("operations %+v, want a test of the spec before its replacement", ops)
	}
	for _, op := range ops {
		if notes, ok := op.Value.(map[string]string); ok && notes["somebody.example/note"] != "stays" {
			t.Error("an annotation of somebody else is lost")
		}
	}
	if again, err := replaceRouting(u, live, proxied.Annotations, proxied); err != nil || len(again) != 0 {
		t.Errorf("nothing changes, yet the patch is %+v (%v)", again, err)
	}
}

func TestTheTailIsReadOffOldsIngress(t *testing.T) {
	frozen := shop()
	live := ingress.Tailed(frozen, func(s string) bool { return s == "cart" })
	sent := tailedNow(frozen, live)
	if !sent["cart"] || sent["web"] || sent["api"] {
		t.Errorf("sent on: %v, want cart alone", sent)
	}
	if what := drifted(&inventory.Ingress{Object: *frozen}, live); what != "" {
		t.Errorf("our own tail counts as drift: %s", what)
	}
	live.Spec.Rules[0].Host = "other.test"
	if what := drifted(&inventory.Ingress{Object: *frozen}, live); !strings.Contains(what, "other.test") {
		t.Errorf("a changed host is not seen: %q", what)
	}
}

// What has no say in how requests are answered is nobody's business: adopt sees no change in it, so a tail must not stumble
// over it, and must not write over it.
func TestATailLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	frozen := shop()
	frozen.Annotations = map[string]string{"example.com/note": "before", "external-dns.alpha.kubernetes.io/ttl": "60"}
	live := frozen.DeepCopy()
	live.Annotations = map[string]string{"example.com/note": "after"}
	if what := drifted(&inventory.Ingress{Object: *frozen}, live); what != "" {
		t.Errorf("a note of somebody counts as drift: %s", what)
	}
	d := wave{}.inOld()
	base := d.base(live, frozen)
	want := d.want(base, func(s string) bool { return s == "cart" })
	u, err := kube.From(kube.Ingress, live)
	if err != nil {
		t.Fatal(err)
	}
	ops, err := replaceRouting(u, live, base.Annotations, want)
	if err != nil || len(ops) != 2 || ops[1].Path != "/spec" {
		t.Errorf("the patch is %+v (%v), want a test and a replacement of the spec", ops, err)
	}
}

func TestAnAnswerIsJudgedByMarkerAndByWhatItWasBefore(t *testing.T) {
	m := testWave(t)
	normal := probe.Normal{Want: probe.Answer{Status: 200}, Statuses: []int{200}}
	judge := m.verdict(map[string]bool{"keeper/": true}, map[string]probe.Normal{"shop.test/": normal}, false)
	path, keeper := probe.Target{Host: "shop.test", Path: "/"}, probe.Target{Host: "keeper", Path: "/"}
	for name, c := range map[string]struct {
		target probe.Target
		answer probe.Answer
		good   bool
	}{
		"from new":               {path, probe.Answer{Status: 200}, true},
		"still by the bridge":    {path, probe.Answer{Status: 200, Via: "4f9c2a7e"}, false},
		"an error":               {path, probe.Answer{Status: 500}, false},
		"no such path":           {path, probe.Answer{Status: 404}, false},
		"control by the bridge":  {keeper, probe.Answer{Status: 200, Via: "4f9c2a7e"}, true},
		"control without marker": {keeper, probe.Answer{Status: 200}, false},
		"a path nobody knows":    {probe.Target{Host: "x.test", Path: "/"}, probe.Answer{Status: 200}, false},
	} {
		if err := judge(c.target, c.answer); (err == nil) != c.good {
			t.Errorf("%s: %v, want good %t", name, err, c.good)
		}
	}
}

func TestScalingRemembersWhatWasAndWaitsForThePods(t *testing.T) {
	u := &unstructured.Unstructured{Object: map[string]any{
		"kind": "Deployment", "metadata": map[string]any{"generation": int64(2)},
		"spec": map[string]any{"replicas": int64(3)}, "status": map[string]any{"replicas": int64(3), "observedGeneration": int64(2)},
	}}
	o, err := sized(u, []string{"spec", "replicas"}, int64(0), false)
	if err != nil || o.State != phase.Pending {
		t.Fatalf("%v %v, want pending", o.State, err)
	}
	var was field
	if err := json.Unmarshal(o.Was, &was); err != nil || jsonText(was.Value) != "3" {
		t.Errorf("remembered %s (%v), want 3", o.Was, err)
	}
	u.Object["spec"].(map[string]any)["replicas"] = int64(0)
	if o, err = sized(u, []string{"spec", "replicas"}, int64(0), false); err != nil || o.State != phase.Settling {
		t.Errorf("with pods left: %v %v, want settling", o.State, err)
	}
	u.Object["status"].(map[string]any)["replicas"] = int64(0)
	if o, err = sized(u, []string{"spec", "replicas"}, int64(0), false); err != nil || o.State != phase.Done {
		t.Errorf("without pods: %v %s %v, want done", o.State, o.Detail, err)
	}
}

func TestARetiredDaemonSetDoesNotTakeItsSelectorToNew(t *testing.T) {
	u := &unstructured.Unstructured{Object: map[string]any{"kind": "DaemonSet"}}
	if err := unstructured.SetNestedMap(u.Object, map[string]any{"disk": "ssd"}, selectorPath...); err != nil {
		t.Fatal(err)
	}
	off := retired(u)
	if off["disk"] != "ssd" || off[retiredSelector] != "true" {
		t.Fatalf("retired with the selector %v, want ours beside disk=ssd", off)
	}
	if before, _, _ := unstructured.NestedMap(u.Object, selectorPath...); before[retiredSelector] != nil {
		t.Error("looking at it changed the DaemonSet")
	}
	if err := unstructured.SetNestedMap(u.Object, off, selectorPath...); err != nil {
		t.Fatal(err)
	}
	unretire(u)
	left, _, _ := unstructured.NestedMap(u.Object, selectorPath...)
	if len(left) != 1 || left["disk"] != "ssd" {
		t.Errorf("the copy for new has the selector %v, want disk=ssd alone", left)
	}
	unstructured.RemoveNestedField(u.Object, selectorPath...)
	if err := unstructured.SetNestedMap(u.Object, retired(u), selectorPath...); err != nil {
		t.Fatal(err)
	}
	unretire(u)
	if _, found, _ := unstructured.NestedMap(u.Object, selectorPath...); found {
		t.Error("an empty selector is left where there was none")
	}
}

func TestDrainTakesAsLongAsTheCountMoves(t *testing.T) {
	var f flatness
	if _, done := f.since(1, time.Hour); done {
		t.Error("flat at once")
	}
	f.at = f.at.Add(-2 * time.Hour)
	if _, done := f.since(2, time.Hour); done {
		t.Error("a count that moved is flat")
	}
	f.at = f.at.Add(-2 * time.Hour)
	if _, done := f.since(2, time.Hour); !done {
		t.Error("a count that stood for two hours is not flat")
	}
}
