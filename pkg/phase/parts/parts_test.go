package parts_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

func TestASliceIsOneThatEveryControllerTakes(t *testing.T) {
	b := parts.Backend{Service: "cutover-proxy", Addresses: []string{"10.1.1.37", "fd00::1", "10.1.1.36", "10.1.1.36"}, Port: 8080}
	if got := b.Families(); len(got) != 2 {
		t.Fatalf("families are %v, each needs a slice of its own", got)
	}
	u, err := b.SliceIn(t.Context(), "shop", discoveryv1.AddressTypeIPv4)
	if err != nil {
		t.Fatal(err)
	}
	s, err := kube.As[discoveryv1.EndpointSlice](u)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "cutover-proxy-1" || s.Labels[discoveryv1.LabelServiceName] != "cutover-proxy" || s.Labels[discoveryv1.LabelManagedBy] != "cutover" {
		t.Errorf("slice %s has labels %v", s.Name, s.Labels)
	}
	if len(s.Endpoints) != 2 || s.Endpoints[0].Addresses[0] != "10.1.1.36" || !*s.Endpoints[1].Conditions.Ready || !*s.Endpoints[1].Conditions.Serving {
		t.Errorf("endpoints are %+v", s.Endpoints)
	}
	if len(s.Ports) != 1 || *s.Ports[0].Name != "http" || *s.Ports[0].Port != 8080 {
		t.Errorf("ports are %+v", s.Ports)
	}
}

func TestABackendWithoutAnAddressIsNoSlice(t *testing.T) {
	b := parts.Backend{Service: "cutover-proxy", Addresses: []string{"fd00::1"}, Port: 8080}
	if _, err := b.SliceIn(t.Context(), "shop", discoveryv1.AddressTypeIPv4); err == nil {
		t.Fatal("a slice with no endpoint would be a proxy to nowhere")
	}
}

func TestTheKeeperOfOldHasAHostForEachNamespace(t *testing.T) {
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces = []string{"shop", "blog"}
	p.Spec.Entry.Old.IngressClass = "main"
	u, err := parts.KeeperInOld(parts.Deps{Plan: p})
	if err != nil {
		t.Fatal(err)
	}
	ing, err := kube.As[networkingv1.Ingress](u)
	if err != nil {
		t.Fatal(err)
	}
	if ing.Namespace != "shop" || *ing.Spec.IngressClassName != "main" || len(ing.Spec.Rules) != 2 {
		t.Fatalf("keeper is %+v", ing)
	}
	if host := ing.Spec.Rules[1].Host; host != "keeper-blog.demo.cutover.internal" {
		t.Errorf("host is %s", host)
	}
	if b := ing.Spec.Rules[0].HTTP.Paths[0].Backend.Service; b.Name != "cutover-echo" || b.Port.Name != "http" {
		t.Errorf("backend is %+v", b)
	}
}

func TestManifestsAreMadeInTheOrderInWhichPodsNeedThem(t *testing.T) {
	found, err := parts.Manifests(filepath.Join("..", "..", "..", "plans", "demo", "bridge"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range found {
		got = append(got, m.Kind.Kind+" "+m.Object.GetNamespace()+"/"+m.Object.GetName())
	}
	want := "ServiceAccount cutover-system/cutover-bridge, ConfigMap cutover-system/cutover-bridge, Deployment cutover-system/cutover-bridge"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
}

func TestEveryManifestThatIsNotOursToApplyIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bridge.yaml")
	text := `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: bridge}
---
# nothing but a comment
---
apiVersion: v1
kind: Namespace
metadata: {name: bridge}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: homeless}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := parts.Manifests(file)
	for _, name := range []string{"ClusterRole bridge", "Namespace bridge", "ConfigMap homeless"} {
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), " /", " "), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
}

func TestPaceKeepsAllTogetherBelowTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := parts.NewPace(10), time.Now()
		for range 11 {
			if err := p.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("11 requests at 10 a second took %s", took)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if p.Wait(ended) == nil {
			t.Error("waited on after the end")
		}
	})
}

func TestCountersAreReadWhereTheirPodsAre(t *testing.T) {
	e := plan.Entries{Old: plan.Entry{Hostname: "lb.example.com", IngressClass: "main"}, OldMetrics: &plan.Metrics{Port: 8002, Kind: "envoy"}}
	if got := parts.OldMetricsURLs(e); !slices.Equal(got, []string{"http://lb.example.com:8002/stats/prometheus"}) {
		t.Errorf("at the entry itself: %v", got)
	}
	e.OldMetrics.Addresses, e.OldMetrics.Kind = []string{"10.1.1.30", "fd00::1"}, "nginx"
	if got := parts.OldMetricsURLs(e); !slices.Equal(got, []string{"http://10.1.1.30:8002/metrics", "http://[fd00::1]:8002/metrics"}) {
		t.Errorf("behind a load balancer: %v", got)
	}
	if got := parts.OldMetricsURLs(plan.Entries{Old: e.Old}); len(got) != 0 {
		t.Errorf("without counters: %v", got)
	}
}
