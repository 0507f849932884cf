package probe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

const metrics = `# HELP go_goroutines x
# TYPE go_goroutines gauge
go_goroutines 42
this line is of no interest and not even a metric {
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{code="200",method="GET",protocol="http",service="shop-web-v2-http@kubernetes"} 40
traefik_service_requests_total{code="500",method="GET",protocol="http",service="shop-web-v2-http@kubernetes"} 2
traefik_service_requests_total{code="200",method="GET",protocol="http",service="shop-web-v2-http@docker"} 100
traefik_service_requests_total_other{service="shop-web-v2-http@kubernetes"} 1000
# TYPE nginx_ingress_controller_requests counter
nginx_ingress_controller_requests{host="a",ingress="x",namespace="shop",path="/",service="web",status="200"} 3
nginx_ingress_controller_requests{host="a",ingress="y",namespace="shop",path="/b",service="web",status="404"} 4
nginx_ingress_controller_requests{host="a",ingress="y",namespace="blog",path="/b",service="web",status="404"} 5
# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop_web_80"} 6
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop/web/80/da39a3ee5e"} 1
envoy_cluster_upstream_rq_total{envoy_cluster_name="shop_web_8080"} 9
haproxy_backend_http_requests_total{proxy="shop_svc_web_http"} 7
haproxy_backend_http_requests_total{proxy="shop_web_80"} 1
haproxy_backend_http_requests_total{proxy="default"} 8
`

// Read is ReadAll of one Service.
func Read(ctx context.Context, url, kind string, r Requests) (Count, error) {
	counts, err := ReadAll(ctx, Counters{URL: url, Kind: kind}, []Requests{r})
	if err != nil {
		return Count{}, err
	}
	return counts[0], nil
}

func serveMetrics(t *testing.T, status int, text string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestEachControllerCountsInItsOwnWay(t *testing.T) {
	url := serveMetrics(t, 200, metrics)
	for kind, c := range map[string]struct {
		service string
		want    Count
	}{
		"traefik": {"web.v2", Count{42, 2}},
		"nginx":   {"web", Count{7, 2}},
		"envoy":   {"web", Count{7, 2}},
		"haproxy": {"web", Count{8, 2}},
	} {
		got, err := Read(t.Context(), url, kind, Requests{"shop", c.service, []string{"http", "80"}})
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v, want %v", kind, got, err, c.want)
		}
	}
}

func TestManyServicesAreCountedByAskingOnce(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		io.WriteString(w, metrics)
	}))
	t.Cleanup(s.Close)
	got, err := ReadAll(t.Context(), Counters{URL: s.URL, Kind: "nginx"}, []Requests{{"blog", "web", []string{"80"}}, {"shop", "none", []string{"80"}}, {"shop", "web", []string{"80"}}})
	if err != nil || asked != 1 || !slices.Equal(got, []Count{{5, 1}, {}, {7, 2}}) {
		t.Errorf("%v %v after %d requests", got, err, asked)
	}
}

func TestNeverSeenIsZeroButNothingCountedIsNoAnswer(t *testing.T) {
	never, err := Read(t.Context(), serveMetrics(t, 200, metrics), "traefik", Requests{"shop", "new", []string{"80"}})
	if err != nil || never != (Count{}) {
		t.Errorf("%v %v", never, err)
	}
	for name, url := range map[string]string{
		"no metric": serveMetrics(t, 200, "go_goroutines 1\n"),
		"only type": serveMetrics(t, 200, "# TYPE traefik_service_requests_total counter\n"),
		"empty":     serveMetrics(t, 200, ""),
	} {
		if c, err := Read(t.Context(), url, "traefik", Requests{"shop", "web", []string{"80"}}); !errors.Is(err, ErrNoCounter) {
			t.Errorf("%s: %v %v", name, c, err)
		}
	}
	for name, url := range map[string]string{
		"broken":   serveMetrics(t, 200, "traefik_service_requests_total{service=\"a\"} many\n"),
		"error":    serveMetrics(t, 500, metrics),
		"no slash": "http://127.0.0.1:1/metrics",
	} {
		if c, err := Read(t.Context(), url, "traefik", Requests{"shop", "web", []string{"80"}}); err == nil {
			t.Errorf("%s: %v passed as a count", name, c)
		}
	}
	if _, err := Read(t.Context(), "http://127.0.0.1:1", "traefik", Requests{"shop", "web", nil}); err == nil {
		t.Error("a Service without a port cannot be told from another")
	}
}

func TestACounterThatWentBackTellsNothing(t *testing.T) {
	if n, err := (Count{12, 2}).Since(Count{10, 1}); n != 2 || err != nil {
		t.Errorf("%v %v", n, err)
	}
	for _, now := range []Count{{9, 1}, {12, 0}} {
		if n, err := now.Since(Count{10, 1}); !errors.Is(err, ErrRestarted) {
			t.Errorf("%v %v", n, err)
		}
	}
}
