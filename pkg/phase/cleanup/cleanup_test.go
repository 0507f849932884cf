package cleanup

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

// past is what earlier jobs found out.
type past = phasetest.Facts

func frozen(ns string) *inventory.Inventory {
	as, class := networkingv1.PathTypePrefix, "main"
	ing := networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web", Annotations: map[string]string{"external-dns.alpha.kubernetes.io/ttl": "60"}},
		Spec: networkingv1.IngressSpec{IngressClassName: &class, Rules: []networkingv1.IngressRule{{
			Host: "shop.lab.test", IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
					Path: "/", PathType: &as, Backend: networkingv1.IngressBackend{
						Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}},
					},
				}}},
			},
		}}},
	}
	return &inventory.Inventory{
		Namespaces: []string{ns}, Ingresses: []inventory.Ingress{{Object: ing, Class: class}},
		Services: []inventory.Service{{Name: ingress.Name{Namespace: ns, Name: "web"}, Ports: []inventory.Port{{Number: 80}}}},
	}
}

func deps(t *testing.T) Deps {
	t.Helper()
	at := kubetest.Shared(t).Kubeconfig
	ns := strings.ToLower(t.Name())
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces = []string{ns[:min(len(ns), 60)]}
	p.Spec.Entry.New.IngressClass = "main"
	p.Spec.Bridge = plan.Bridge{Addresses: []string{"172.30.0.22"}, Port: 8080, Echo: plan.Echo{Image: "cutover"}}
	d := Deps{Plan: p, Inventory: frozen(p.Spec.Namespaces[0])}
	for env, c := range map[string]**kube.Cluster{phase.Old: &d.Old, phase.New: &d.New} {
		var err error
		if *c, err = kube.Connect(t.Context(), env, at, kube.Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*c).Close)
	}
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": p.Spec.Namespaces[0]},
	}}
	if _, err := d.New.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return d
}

func see(t *testing.T, s phase.Step, want phase.State) phase.Observation {
	t.Helper()
	o, err := s.Observe(t.Context())
	if err != nil || o.State != want {
		t.Fatalf("%s is %s: %s (%v), not %s\n%s", s.ID, o.State, o.Detail, err, want, o.Diff)
	}
	return o
}

func put(t *testing.T, d Deps, u *unstructured.Unstructured, err error) {
	t.Helper()
	if err == nil {
		kube.Own(u, d.Name())
		err = d.New.Apply(t.Context(), u)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lead makes the Ingress of new, with or without its Service moved.
func lead(t *testing.T, d Deps, moved bool) {
	t.Helper()
	old := &d.Inventory.Ingresses[0].Object
	u, err := kube.From(kube.Ingress, ingress.Desired(old, func(string) bool { return moved }, d.Inventory.Target(ingress.NameOf(old), "main")))
	put(t, d, u, err)
}

func TestStepsAreTheSameInEveryJobAndEachChangeSaysWhyItIsFinal(t *testing.T) {
	d := deps(t)
	groups, err := New(d).Steps(t.Context(), past{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range groups {
		got = append(got, g.Name+":")
		for _, l := range g.Lanes {
			for _, s := range l {
				got = append(got, s.ID)
				if s.Limit <= 0 || s.Knob == "" || s.Title == "" || (s.Apply != nil) != (s.Final != "") || s.Revert != nil {
					t.Errorf("%s lacks a limit, a knob, a title or the reason why it is final", s.ID)
				}
			}
		}
	}
	want := "quiet: prove:local count:bridge prove:quiet hand-over: hand-over:new/NS/Ingress/web " +
		"keeper: delete:old/NS/Ingress/cutover-keeper delete:new/NS/Ingress/cutover-keeper " +
		"proxy: delete:new/NS/EndpointSlice/cutover-proxy-1 delete:new/NS/Service/cutover-proxy " +
		"bridge: delete:old/NS/Service/cutover-echo delete:old/NS/Deployment/cutover-echo"
	if all := strings.ReplaceAll(strings.Join(got, " "), d.Plan.Spec.Namespaces[0], "NS"); all != want {
		t.Errorf("steps are %s", all)
	}
}

func TestNothingIsRemovedWhileARouteLeadsToTheProxy(t *testing.T) {
	d := deps(t)
	if o := see(t, movedProof(d), phase.Failed); !strings.Contains(o.Detail, "not in new") {
		t.Errorf("it says %q", o.Detail)
	}
	lead(t, d, false)
	if o := see(t, movedProof(d), phase.Failed); !strings.Contains(o.Detail, "Service web") {
		t.Errorf("it says %q", o.Detail)
	}
	lead(t, d, true)
	see(t, movedProof(d), phase.Done)
	keeper, err := parts.KeeperInNew(d.Plan, d.Plan.Spec.Namespaces[0])
	put(t, d, keeper.DeepCopy(), err)
	see(t, movedProof(d), phase.Done)
	keeper.SetName("other")
	put(t, d, keeper, nil)
	if o := see(t, movedProof(d), phase.Failed); !strings.Contains(o.Detail, "other leads to the proxy") {
		t.Errorf("it says %q", o.Detail)
	}
}

func TestHandingOverTakesTheSwitchesOut(t *testing.T) {
	d := deps(t)
	lead(t, d, true)
	s := handOver(d)[0][0]
	see(t, s, phase.Pending)
	if err := s.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	see(t, s, phase.Done)
	live, err := d.New.Get(t.Context(), kube.Ingress, d.Plan.Spec.Namespaces[0], "web")
	if err != nil {
		t.Fatal(err)
	}
	if a := live.GetAnnotations(); len(a) != 1 || a["external-dns.alpha.kubernetes.io/ttl"] != "60" {
		t.Errorf("annotations are %v", a)
	}
}

func TestOnlyWhatIsOursIsDeleted(t *testing.T) {
	d := deps(t)
	ns := d.Plan.Spec.Namespaces[0]
	lane := backends(d, d.New, d.Proxy())[0]
	slice, service := lane[0], lane[1]
	see(t, slice, phase.Done)
	u, err := d.Proxy().ServiceIn(ns)
	put(t, d, u, err)
	see(t, service, phase.Pending)
	if err := service.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	see(t, service, phase.Done)
	u, err = d.Proxy().ServiceIn(ns)
	put(t, d, u, err)
	err = d.New.Patch(t.Context(), kube.Service, ns, ingress.ProxyService, []kube.Op{
		{Op: "test", Path: "/metadata/labels/cutover.dev~1plan", Value: "demo"},
		{Op: "replace", Path: "/metadata/labels/cutover.dev~1plan", Value: "another"},
	})
	if err != nil {
		t.Fatal(err)
	}
	see(t, service, phase.Failed)
}

func TestQuietIsMeasuredOverTheWholeWindow(t *testing.T) {
	count := 7.0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "# TYPE traefik_service_requests_total counter\ntraefik_service_requests_total{service=%q} %g\n", "shop-web-80@kubernetes", count)
	}))
	t.Cleanup(s.Close)
	host, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	number, _ := strconv.Atoi(port)
	p := &plan.Plan{}
	p.Spec.Bridge = plan.Bridge{Addresses: []string{host}, Metrics: &plan.Metrics{Port: number, Kind: "traefik"}}
	p.Spec.Windows.Residual = plan.Duration(time.Hour)
	found := past{}
	lane := quiet(Deps{Plan: p, Inventory: frozen("shop")}, found)

	see(t, lane[1], phase.Settling) // nothing was read yet
	found[countFact] = see(t, lane[0], phase.Done).Facts[countFact]
	if o := see(t, lane[1], phase.Settling); o.NotBefore.IsZero() {
		t.Errorf("an hour is waited for in the job: %s", o.Detail)
	}
	early, _ := found[countFact].(reading)
	early.At = early.At.Add(-time.Hour)
	found[countFact] = early
	see(t, lane[1], phase.Done)

	count = 8
	if o := see(t, lane[1], phase.Failed); !strings.Contains(o.Detail, "1 requests came") {
		t.Errorf("it says %q", o.Detail)
	}
	again, _ := see(t, lane[0], phase.Done).Facts[countFact].(reading)
	if !again.At.After(early.At) {
		t.Error("the window does not begin again after a request")
	}
	count = 1
	if o := see(t, lane[1], phase.Failed); !strings.Contains(o.Detail, "started again") {
		t.Errorf("it says %q", o.Detail)
	}
	s.Close()
	if o, err := lane[1].Observe(t.Context()); err == nil {
		t.Errorf("a bridge that cannot be asked is %s: %s", o.State, o.Detail)
	}
	found[quietFact] = time.Now()
	see(t, lane[0], phase.Done) // by now the bridge may be gone
	see(t, lane[1], phase.Done)
}

func TestWithoutMetricsOnlyTimePassesAndSaysSo(t *testing.T) {
	p := &plan.Plan{}
	p.Spec.Windows.Residual = plan.Duration(time.Hour)
	found := past{countFact: reading{At: time.Now().Add(-2 * time.Hour)}}
	if o := see(t, quiet(Deps{Plan: p, Inventory: frozen("shop")}, found)[1], phase.Done); !strings.Contains(o.Detail, "not measured") {
		t.Errorf("it says %q", o.Detail)
	}
}
