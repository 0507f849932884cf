package reach_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"cutover.dev/cutover/pkg/probe"
)

func TestProbesPassAndAWayThatBreaksIsNoLoss(t *testing.T) {
	var w *road
	var asked atomic.Int32
	cuts := int32(1)
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= atomic.LoadInt32(&cuts) {
			w.cut()
			return
		}
		out.Header().Set(probe.HeaderVia, "marker")
		_, _ = out.Write([]byte(r.Host))
	}))
	t.Cleanup(s.Close)
	at := strings.TrimPrefix(s.URL, "http://")
	r, way := relayed(t, "tcp/"+at)
	w = way
	target := probe.Target{Addr: at, Host: "shop.test", Dial: r.DialContext}
	a := probe.Ask(t.Context(), target)
	if a.Class != probe.Answered || a.Via != "marker" || string(a.Body) != "shop.test" || asked.Load() != 2 {
		t.Errorf("%+v after %d requests", a, asked.Load())
	}
	atomic.StoreInt32(&cuts, 100)
	if a := probe.Ask(t.Context(), target); a.Class != probe.Other || asked.Load() != 5 {
		t.Errorf("a way that always breaks: %q %v after %d requests", a.Class, a.Err, asked.Load())
	}
}

func TestCountersAreReadThroughTheRelay(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		_, _ = out.Write([]byte("traefik_service_requests_total{service=\"shop-web-80@kubernetes\"} 7\n"))
	}))
	t.Cleanup(s.Close)
	r, way := relayed(t, "tcp/"+strings.TrimPrefix(s.URL, "http://"))
	got, err := probe.ReadAll(t.Context(), probe.Counters{URL: s.URL + "/metrics", Kind: "traefik", Dial: r.DialContext},
		[]probe.Requests{{Namespace: "shop", Service: "web", Ports: []string{"80"}}})
	if err != nil || got[0].Value != 7 || way.opened.Load() != 1 {
		t.Errorf("%v %v by way of %d streams", got, err, way.opened.Load())
	}
}
