package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/lab/load/ledger"
)

// host is the name that the test server's certificate is for.
const host = "example.com"

// good answers as the lab's application does.
func good(cluster string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		head(w.Header(), cluster, r)
		if len(body) > 0 {
			sum := sha256.Sum256(body)
			w.Header().Set("X-Body-Sha256", hex.EncodeToString(sum[:]))
		}
		if r.URL.Query().Has("echo") {
			_, _ = w.Write(body)
		}
	})
}

func head(h http.Header, cluster string, r *http.Request) {
	h.Set("X-Cluster", cluster)
	h.Set("X-Pod", "web-1")
	h.Set("X-Workload", "web")
	h.Set("X-Request-Id", r.Header.Get("X-Request-Id"))
}

func serve(t *testing.T, name string, h http.Handler) (*httptest.Server, Entry) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, Entry{Name: name, Addr: s.Listener.Addr().String()}
}

func roots(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

var plain = Target{Host: host, Path: "/", Workload: "web", Kind: Plain, Weight: 1}

// once sends one request to a server with that handler.
func once(t *testing.T, h http.Handler, r request) ledger.Entry {
	t.Helper()
	s, entry := serve(t, "old", h)
	o := Options{Roots: roots(s), Timeout: 300 * time.Millisecond}
	o.defaults()
	if r.target.Host == "" {
		r.target = plain
	}
	r.id = "id-1"
	return r.send(t.Context(), o.clients("g", entry, nil))
}

func TestAGoodAnswerIsOK(t *testing.T) {
	for _, r := range []request{{}, {post: true}, {fresh: true}, {target: Target{Host: host, Path: "/", Workload: "web", Kind: Upload}}} {
		e := once(t, good("old"), r)
		if e.Class != ledger.OK || e.Cluster != "old" || e.Pod != "web-1" || e.Status != 200 || e.Tries != 1 {
			t.Errorf("request %+v ended as %+v", r, e)
		}
	}
}

func TestAnAnswerThatDoesNotBelongToTheRequestIsWrong(t *testing.T) {
	altered := func(change func(http.Header)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			head(w.Header(), "old", r)
			change(w.Header())
		})
	}
	upload := request{target: Target{Host: host, Path: "/", Workload: "web", Kind: Upload}}
	for name, c := range map[string]struct {
		handler http.Handler
		request request
		detail  string
	}{
		"404":            {http.NotFoundHandler(), request{}, "status 404"},
		"redirect":       {http.RedirectHandler("/x", http.StatusFound), request{}, "status 302"},
		"no cluster":     {altered(func(h http.Header) { h.Del("X-Cluster") }), request{}, "no cluster"},
		"other workload": {altered(func(h http.Header) { h.Set("X-Workload", "api") }), request{}, `workload "api"`},
		"other request":  {altered(func(h http.Header) { h.Set("X-Request-Id", "x") }), request{}, `request "x"`},
		"body not seen":  {altered(func(http.Header) {}), request{post: true}, "arrived"},
		"body not back": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			good("old").ServeHTTP(rec, r)
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			_, _ = io.WriteString(w, "something else")
		}), upload, "came back"},
	} {
		e := once(t, c.handler, c.request)
		if e.Class != ledger.Wrong || !strings.Contains(e.Detail, c.detail) {
			t.Errorf("%s: class %q, detail %q, want wrong answer with %q", name, e.Class, e.Detail, c.detail)
		}
	}
}

func TestAConnectionThatIsCutIsAReset(t *testing.T) {
	cut := func(before func(http.ResponseWriter, *http.Request)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			before(w, r)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		})
	}
	half := cut(func(w http.ResponseWriter, r *http.Request) {
		head(w.Header(), "old", r)
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
	})
	none := cut(func(http.ResponseWriter, *http.Request) {})
	for name, h := range map[string]http.Handler{"before the answer": none, "in the middle of it": half} {
		for _, post := range []bool{false, true} {
			if e := once(t, h, request{post: post}); e.Class != ledger.Reset {
				t.Errorf("cut %s: class %q (%s)", name, e.Class, e.Detail)
			}
		}
	}
}

func TestARefusedConnectionIsAReset(t *testing.T) {
	// Bound and not listening: nobody else can come to listen there either.
	held, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(held)
	if err := syscall.Bind(held, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(held)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
	o := Options{}
	o.defaults()
	if e := (request{target: plain}).send(t.Context(), o.clients("g", Entry{"old", addr}, nil)); e.Class != ledger.Reset {
		t.Errorf("class %q (%s)", e.Class, e.Detail)
	}
}

func TestAServerThatHangsIsATimeout(t *testing.T) {
	release := make(chan struct{})
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	if e := once(t, hang, request{}); e.Class != ledger.Timeout {
		t.Errorf("class %q (%s)", e.Class, e.Detail)
	}
	close(release)
}

func TestAStrangersCertificateIsAWrongAnswer(t *testing.T) {
	_, entry := serve(t, "old", good("old"))
	o := Options{Roots: x509.NewCertPool()}
	o.defaults()
	if e := (request{target: plain}).send(t.Context(), o.clients("g", entry, nil)); e.Class != ledger.Wrong {
		t.Errorf("class %q (%s)", e.Class, e.Detail)
	}
}

func TestEveryRequestEndsInTheLedgerAndGroupsMove(t *testing.T) {
	var atOld, atNew atomic.Int64
	count := func(n *atomic.Int64, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.Add(1); h.ServeHTTP(w, r) })
	}
	old, oldEntry := serve(t, "old", count(&atOld, good("old")))
	_, newEntry := serve(t, "new", count(&atNew, good("new")))
	var file bytes.Buffer
	l, err := Start(t.Context(), Options{
		Targets: []Target{plain}, Roots: roots(old), Ledger: &file,
		Groups: []Group{{Name: "movers", Entry: oldEntry, Rate: 400}, {Name: "stayers", Entry: oldEntry, Rate: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "both groups ask", func() bool { return atOld.Load() > 50 })
	if err := l.Move("movers", newEntry); err != nil {
		t.Fatal(err)
	}
	until(t, "movers ask at new", func() bool { return atNew.Load() > 50 })
	if err := l.End("stayers"); err != nil {
		t.Fatal(err)
	}
	c, err := l.Stop()
	if err != nil {
		t.Fatal(err)
	}
	arrived := int(atOld.Load() + atNew.Load())
	if lines := strings.Count(file.String(), "\n"); c.Sent != arrived || lines != arrived || c.Lost != 0 {
		t.Errorf("%d arrived, %d sent, %d lines, %d lost", arrived, c.Sent, lines, c.Lost)
	}
	if c.ByCluster["old"] != int(atOld.Load()) || c.ByEntry["new"] != int(atNew.Load()) {
		t.Errorf("by cluster %v, by entry %v; arrived %d and %d", c.ByCluster, c.ByEntry, atOld.Load(), atNew.Load())
	}
	if l.Move("nobody", newEntry) == nil || l.End("nobody") == nil {
		t.Error("a group that is not there can be moved or ended")
	}
}

func TestAnEndingContextCutsNothingOff(t *testing.T) {
	begun, release := make(chan struct{}, 1000), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-release
		good("old").ServeHTTP(w, r)
	})
	s, entry := serve(t, "old", slow)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := Start(ctx, Options{Targets: []Target{plain}, Roots: roots(s), Ledger: io.Discard, Groups: []Group{{Name: "g", Entry: entry, Rate: 100}}})
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	cancel()
	close(release)
	if c, err := l.Stop(); err != nil || c.Sent == 0 || c.Lost != 0 {
		t.Errorf("sent %d, lost %d: %v (%v)", c.Sent, c.Lost, err, c.Bad)
	}
}

func TestTheScheduleFollowsTheWeights(t *testing.T) {
	order := schedule([]Target{{Path: "a", Weight: 3}, {Path: "b", Weight: 1}, {Path: "s", Kind: Session}})
	var got []string
	for _, o := range order {
		got = append(got, o.Path)
	}
	if fmt.Sprint(got) != "[a a b a]" {
		t.Errorf("order is %v", got)
	}
}

func TestALoadThatWouldProveNothingIsRefused(t *testing.T) {
	_, err := Start(t.Context(), Options{Targets: []Target{{Host: "x"}}, Groups: []Group{{Rate: -1}}})
	for _, want := range []string{"no ledger", "target x", `group ""`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// until waits for something that other goroutines bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		}
	}
}
