package routes

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/probe"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

func frozen(ns string) *inventory.Inventory {
	as := networkingv1.PathTypePrefix
	path := func(path, service string) networkingv1.HTTPIngressPath {
		return networkingv1.HTTPIngressPath{Path: path, PathType: &as, Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}},
		}}
	}
	class := "main"
	ing := networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"},
		Spec: networkingv1.IngressSpec{
			IngressClassName: &class,
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{"shop.lab.test"}, SecretName: "shop-tls"}},
			Rules: []networkingv1.IngressRule{{Host: "shop.lab.test", IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path("/", "web"), path("/api", "api")}},
			}}},
		},
	}
	plain := networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "plain"},
		Spec: networkingv1.IngressSpec{IngressClassName: &class, Rules: []networkingv1.IngressRule{{
			Host: "plain.lab.test", IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path("/", "web")}},
			},
		}}},
	}
	return &inventory.Inventory{Namespaces: []string{ns}, Ingresses: []inventory.Ingress{{Object: plain, Class: "main"}, {Object: ing, Class: "main"}}}
}

func deps(t *testing.T) Deps {
	t.Helper()
	at := kubetest.Shared(t).Kubeconfig
	ns := strings.ToLower(t.Name())
	ns = ns[:min(len(ns), 60)]
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces = []string{ns}
	p.Spec.Entry.New.IngressClass = "main"
	p.Spec.Bridge.Marker = "4f9c2a7e"
	d := Deps{Plan: p, Inventory: frozen(ns)}
	for env, c := range map[string]**kube.Cluster{phase.Old: &d.Old, phase.New: &d.New} {
		var err error
		if *c, err = kube.Connect(t.Context(), env, at, kube.Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*c).Close)
	}
	namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": ns}}}
	if _, err := d.New.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return d
}

func groups(t *testing.T, d Deps) []phase.Group {
	t.Helper()
	all, err := New(d).Steps(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func see(t *testing.T, s phase.Step, want phase.State) phase.Observation {
	t.Helper()
	o, err := s.Observe(t.Context())
	if err != nil || o.State != want {
		t.Fatalf("%s is %s: %s (%v), not %s\n%s", s.ID, o.State, o.Detail, err, want, o.Diff)
	}
	return o
}

func TestStepsAreTheSameInEveryJob(t *testing.T) {
	var got []string
	for _, g := range groups(t, deps(t)) {
		got = append(got, g.Name)
		for _, l := range g.Lanes {
			for _, s := range l {
				got = append(got, s.ID)
			}
		}
	}
	want := "tls apply:new/NS/Secret/shop-tls routes apply:new/NS/Ingress/plain apply:new/NS/Ingress/web " +
		"proof prove:http://plain.lab.test/ prove:https://shop.lab.test/ prove:https://shop.lab.test/api"
	if all := strings.ReplaceAll(strings.Join(got, " "), strings.ToLower(t.Name()), "NS"); all != want {
		t.Errorf("steps are %s", all)
	}
}

func TestAnInventoryWithoutIngressesIsRefused(t *testing.T) {
	if _, err := New(Deps{Plan: &plan.Plan{}, Inventory: &inventory.Inventory{}}).Steps(t.Context(), nil); err == nil {
		t.Error("no routes are no evidence of anything")
	}
}

func TestARouteThatHasMovedIsAsWanted(t *testing.T) {
	d := deps(t)
	s := groups(t, d)[1].Lanes[1][0]
	was := see(t, s, phase.Pending).Was
	if err := s.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	see(t, s, phase.Done)
	ns := d.Plan.Spec.Namespaces[0]
	swap := func(path int, service string, port any) {
		t.Helper()
		at := "/spec/rules/0/http/paths/" + strconv.Itoa(path) + "/backend/service"
		err := d.New.Patch(t.Context(), kube.Ingress, ns, "web", []kube.Op{
			{Op: "test", Path: "/metadata/name", Value: "web"},
			{Op: "replace", Path: at, Value: map[string]any{"name": service, "port": port}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	swap(1, "api", map[string]any{"number": 80})
	if moved, err := movedIn(t.Context(), d, &d.Inventory.Ingresses[1].Object); err != nil || !moved["api"] || moved["web"] {
		t.Errorf("moved is %v (%v)", moved, err)
	}
	see(t, s, phase.Done)
	swap(1, "stranger", map[string]any{"number": 80})
	if o := see(t, s, phase.Pending); !strings.Contains(o.Diff, ingress.ProxyService) {
		t.Errorf("the diff is %q", o.Diff)
	}
	if err := s.Revert(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Reverted(t.Context(), was); err != nil || o.State != phase.Done {
		t.Errorf("after the way back it is %s: %s (%v)", o.State, o.Detail, err)
	}
}

func TestACertificateOfOldThatIsMissingIsNamed(t *testing.T) {
	d := deps(t)
	s := groups(t, d)[0].Lanes[0][0]
	if _, err := s.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "shop-tls") || !strings.Contains(err.Error(), "/web") {
		t.Errorf("got %v", err)
	}
}

func TestACertificateIsCopiedWithoutBeingShown(t *testing.T) {
	d := deps(t)
	secret, err := kube.From(kube.Secret, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Plan.Spec.Namespaces[0], Name: "shop-tls"},
		Type:       corev1.SecretTypeOpaque, Data: map[string][]byte{"tls.key": []byte("CANARY")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Old.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	// Both sides are one API server here: the copy is there already, so what is seen is that it is equal.
	see(t, groups(t, d)[0].Lanes[0][0], phase.Done)
}

// side answers with a status and a marker, as one of the two entries.
func side(t *testing.T, status int, via string) plan.Entry {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if via != "" {
			w.Header().Set(probe.HeaderVia, via)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	host, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	number, _ := strconv.Atoi(port)
	return plan.Entry{Addresses: []string{host}, HTTPPort: number, IngressClass: "main"}
}

func TestNewHasToAnswerAsOldDoesAndThroughTheBridge(t *testing.T) {
	d := deps(t)
	for name, c := range map[string]struct {
		old, new int
		via      string
		want     phase.State
		detail   string
	}{
		"the same, marked":  {200, 200, "4f9c2a7e", phase.Done, "as in old"},
		"a bad one as bad":  {500, 500, "4f9c2a7e", phase.Done, "500"},
		"without marker":    {200, 200, "", phase.Pending, "X-Cutover-Via"},
		"not there yet":     {200, 404, "", phase.Pending, "404 instead of 200"},
		"another's marker":  {200, 200, "9b3e6d10", phase.Pending, "9b3e6d10"},
		"redirected by new": {200, 301, "4f9c2a7e", phase.Pending, "301"},
	} {
		t.Run(name, func(t *testing.T) {
			d.Plan.Spec.Entry.Old, d.Plan.Spec.Entry.New = side(t, c.old, ""), side(t, c.new, c.via)
			if o := see(t, groups(t, d)[2].Lanes[0][0], c.want); !strings.Contains(o.Detail, c.detail) {
				t.Errorf("it says %q", o.Detail)
			}
		})
	}
	d.Plan.Spec.Entry.Old.HTTPPort = 1
	if o, err := groups(t, d)[2].Lanes[0][0].Observe(t.Context()); err == nil {
		t.Errorf("old that does not answer is %s: %s", o.State, o.Detail)
	}
}

func TestAMovedRouteMayAnswerByItself(t *testing.T) {
	normal := probe.Normal{Want: probe.Answer{Status: 200}, Statuses: []int{200}}
	if wrong := alone(probe.Answer{Status: 200}, normal, nil); len(wrong) > 0 {
		t.Errorf("an answer without marker: %v", wrong)
	}
	if wrong := alone(probe.Answer{Status: 503}, normal, nil); len(wrong) == 0 {
		t.Error("a 503 where old answers 200 is fine")
	}
	if wrong := alone(probe.Answer{Status: 404}, probe.Normal{}, x509.ErrUnsupportedAlgorithm); len(wrong) == 0 {
		t.Error("a 404 that cannot be compared is fine")
	}
}
