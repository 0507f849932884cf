package names_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone"
)

// facts are what phases left.
type facts map[string]any

func (f facts) Fact(key string, into any) (bool, error) {
	value, known := f[key]
	if !known {
		return false, nil
	}
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	return true, err
}

// envoy is old's entry: what it sent, by Service and port.
type envoy map[string]int

func (e envoy) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "# TYPE envoy_cluster_upstream_rq_total counter\nenvoy_cluster_upstream_rq_total{envoy_cluster_name=\"other\"} 7\n")
	for name, n := range e {
		fmt.Fprintf(w, "envoy_cluster_upstream_rq_total{envoy_cluster_name=%q} %d\n", name, n)
	}
}

// late is an old environment whose entry counts: two hosts with a Service each, and two that share one in another namespace.
func late(t *testing.T) (parts.Deps, envoy) {
	t.Helper()
	entry := envoy{"shop_web_80": 1000, "shop_api_80": 10}
	server := httptest.NewServer(entry)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(at.Port())
	d := parts.Deps{Plan: &plan.Plan{}, Inventory: &inventory.Inventory{}, Zones: []*zone.Zone{{Name: "shop.test"}}}
	d.Plan.Spec.Namespaces = []string{"shop", "blog"}
	d.Plan.Spec.Entry.Old.Addresses = []string{"127.0.0.1"}
	d.Plan.Spec.Entry.OldMetrics = &plan.Metrics{Kind: "envoy", Port: port}
	d.Plan.Spec.Tail = &plan.Tail{Addresses: []string{"192.0.2.3"}, Port: 8080}
	for _, route := range [][3]string{{"shop", "Web.shop.test", "web"}, {"shop", "api.shop.test", "api"}, {"blog", "a.blog.shop.test", "blog"}, {"blog", "b.blog.shop.test", "blog"}} {
		prefix := networkingv1.PathTypePrefix
		d.Inventory.Ingresses = append(d.Inventory.Ingresses, inventory.Ingress{Object: networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: route[0], Name: route[1]},
			Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: route[1], IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
					Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: route[2]}},
				}}},
			}}}},
		}})
		name := ingress.Name{Namespace: route[0], Name: route[2]}
		if !slices.ContainsFunc(d.Inventory.Services, func(s inventory.Service) bool { return s.Name == name }) {
			d.Inventory.Services = append(d.Inventory.Services, inventory.Service{Name: name, Ports: []inventory.Port{{Name: "http", Number: 80}}})
		}
	}
	return d, entry
}

// counted is what a phase leaves at the swap.
func counted(t *testing.T, d parts.Deps) facts {
	t.Helper()
	scopes, err := names.Of(d)
	if err != nil {
		t.Fatal(err)
	}
	first, err := names.CountLate(t.Context(), d, scopes[0])
	if err != nil {
		t.Fatal(err)
	}
	return facts{names.LateFact + "shop.test": first, names.SwappedFact + "shop.test": time.Now()}
}

// told is what Residual says, a line for each.
func told(t *testing.T, d parts.Deps, past facts) string {
	t.Helper()
	all, err := names.Residual(t.Context(), d, past)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range all {
		lines = append(lines, fmt.Sprintf("%g for %s", l.Requests, strings.Join(l.Hosts, ", ")))
		if l.Why != "" {
			lines = append(lines, l.Why)
		}
	}
	return strings.Join(lines, "\n")
}

func TestWhoComesLateIsToldByHostAsFarAsAControllerTells(t *testing.T) {
	d, entry := late(t)
	past := counted(t, d)
	const nobody = "0 for a.blog.shop.test, b.blog.shop.test\n0 for api.shop.test\n0 for api.shop.test, web.shop.test\n0 for web.shop.test"
	if got := told(t, d, past); got != nobody {
		t.Errorf("nobody came, and it tells\n%s", got)
	}
	entry["shop_web_80"], entry["shop_api_80"], entry["blog_blog_80"] = 1004, 11, 2
	entry["shop_cutover-tail_80"] = 3
	const want = "4 for web.shop.test\n3 for api.shop.test, web.shop.test\n2 for a.blog.shop.test, b.blog.shop.test\n1 for api.shop.test"
	if got := told(t, d, past); got != want {
		t.Errorf("it tells\n%s\nwant\n%s", got, want)
	}
	entry["blog_cutover-tail_80"] = 40 // of the same two hosts as their Service
	if got := told(t, d, past); !strings.HasPrefix(got, "42 for a.blog.shop.test, b.blog.shop.test\n") {
		t.Errorf("it tells\n%s", got)
	}
}

// Until a zone is swapped, who comes for its hosts comes by their names.
func TestWhoComesForAZoneThatIsNotSwappedIsNotLate(t *testing.T) {
	d, entry := late(t)
	d.Zones = []*zone.Zone{{Name: "blog.shop.test"}, {Name: "shop.test"}}
	scopes, err := names.Of(d)
	if err != nil {
		t.Fatal(err)
	}
	first, err := names.CountLate(t.Context(), d, scopes[1])
	if err != nil {
		t.Fatal(err)
	}
	entry["shop_web_80"], entry["blog_blog_80"] = 1001, 100
	const want = "1 for web.shop.test\n0 for api.shop.test\n0 for api.shop.test, web.shop.test"
	if got := told(t, d, facts{names.LateFact + "shop.test": first, names.SwappedFact + "shop.test": time.Now()}); got != want {
		t.Errorf("it tells\n%s\nwant\n%s", got, want)
	}
}

func TestACounterThatWentBackIsSaidToHave(t *testing.T) {
	d, entry := late(t)
	past := counted(t, d)
	entry["shop_web_80"] = 5
	if got := told(t, d, past); !strings.Contains(got, "5 for web.shop.test\nthe counters at http://127.0.0.1:") || !strings.Contains(got, "started again") {
		t.Errorf("it tells\n%s", got)
	}
	d.Plan.Spec.Entry.OldMetrics.Addresses = []string{"localhost"} // another place, which nobody read before
	if got := told(t, d, past); !strings.Contains(got, "were not read before") {
		t.Errorf("it tells\n%s", got)
	}
}

func TestWhoComesLateIsNoQuestionBeforeTheSwapAndNoZeroWithoutCounters(t *testing.T) {
	d, _ := late(t)
	past := counted(t, d)
	swapped := past[names.SwappedFact+"shop.test"]
	past[names.SwappedFact+"shop.test"] = time.Time{}
	if got := told(t, d, past); got != "" {
		t.Errorf("nothing is swapped, and it tells %s", got)
	}
	past[names.SwappedFact+"shop.test"] = swapped
	unknown := func(why string) {
		t.Helper()
		if all, err := names.Residual(t.Context(), d, past); err == nil || len(all) > 0 || !strings.Contains(err.Error(), why) {
			t.Errorf("it tells %v, %v; want %q", all, err, why)
		}
	}
	past[names.LateFact+"shop.test"] = names.Counted{}
	unknown("could not be counted when zone shop.test was swapped")
	d.Plan.Spec.Entry.OldMetrics.Kind = "traefik"
	unknown("no request counter")
	d.Plan.Spec.Entry.OldMetrics = nil
	unknown("no metrics of old's entry")
}
