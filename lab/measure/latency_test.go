package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/pki"
)

// at is a way to a server that answers as a workload does. header is what its answers say besides.
func at(t *testing.T, one way, header map[string]string) *way {
	t.Helper()
	authority, err := pki.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Server("*" + domain)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Cert)
	one.entry = s.Listener.Addr().String()
	return ways{roots}.to(one)
}

func TestEveryWayIsAskedOnKeptAndOnFreshConnectionsAlike(t *testing.T) {
	var paths []*way
	for _, cluster := range []string{"old", "new"} {
		paths = append(paths, at(t, way{name: cluster, workload: "web", cluster: cluster}, map[string]string{"X-Cluster": cluster, "X-Workload": "web"}))
	}
	if err := rounds(t.Context(), paths, 2); err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if kept, fresh := len(p.times[false]), len(p.times[true]); kept != 2*keptAsks || fresh != 2*freshAsks {
			t.Errorf("%s: %d kept and %d fresh are counted, want %d and %d", p.name, kept, fresh, 2*keptAsks, 2*freshAsks)
		}
	}
	if got := compared(paths); len(got) != 4 || got[0].Ours <= 0 || got[0].Floor <= 0 {
		t.Errorf("compared are %+v", got)
	}
}

func TestAnAnswerFromElsewhereIsNoFigure(t *testing.T) {
	want := way{workload: "web", cluster: "new", via: "4f9c2a7e"}
	right := map[string]string{"X-Cluster": "new", "X-Workload": "web", "X-Cutover-Via": "4f9c2a7e"}
	for name, value := range map[string]string{"X-Cluster": "old", "X-Workload": "stay", "X-Cutover-Via": ""} {
		said := map[string]string{}
		for n, v := range right {
			said[n] = v
		}
		said[name] = value
		if _, _, err := at(t, want, said).ask(t.Context(), true); err == nil || !strings.Contains(err.Error(), "want 200 of") {
			t.Errorf("%s %q: %v", name, value, err)
		}
	}
	if _, _, err := at(t, want, right).ask(t.Context(), true); err != nil {
		t.Error(err)
	}
}

func TestAConnectionThatIsNotKeptIsNoKeptOne(t *testing.T) {
	p := at(t, way{workload: "web", cluster: "new"}, map[string]string{"X-Cluster": "new", "X-Workload": "web", "Connection": "close"})
	if err := p.round(t.Context()); err == nil || !strings.Contains(err.Error(), "only 0 were") {
		t.Errorf("got %v", err)
	}
}

func TestAQuantileIsOneOfTheTimes(t *testing.T) {
	var times []time.Duration
	for i := 200; i > 0; i-- {
		times = append(times, time.Duration(i))
	}
	for share, want := range map[float64]time.Duration{0.5: 100, 0.99: 198, 1: 200} {
		if got := quantile(times, share); got != want {
			t.Errorf("%g of 1 to 200 is %d, want %d", share, got, want)
		}
	}
	if got := quantile(times[:1], 0.5); got != 200 {
		t.Errorf("of one it is %d", got)
	}
}
