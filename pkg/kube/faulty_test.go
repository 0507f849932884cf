package kube_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

// faulty is a proxy in front of a real API server that misbehaves on request.
type faulty struct {
	*httptest.Server
	mu     sync.Mutex
	plan   func(*http.Request) string // "" | "500" | "429" | "lose": do it and say nothing | "hang"
	counts map[string]int
}

func (f *faulty) set(plan func(*http.Request) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.counts = plan, map[string]int{}
}

func (f *faulty) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[method]
}

// first misbehaves for the first n requests of a method.
func (f *faulty) first(n int, method, how string) {
	f.set(func(r *http.Request) string {
		if r.Method == method && f.counts[method] <= n {
			return how
		}
		return ""
	})
}

func (f *faulty) ServeHTTP(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		how := ""
		if f.plan != nil {
			f.counts[r.Method]++
			how = f.plan(r)
		}
		f.mu.Unlock()
		switch how {
		case "":
			next.ServeHTTP(w, r)
		case "500":
			http.Error(w, "injected", http.StatusInternalServerError)
		case "429":
			w.Header().Set("Retry-After", "1")
			http.Error(w, "injected", http.StatusTooManyRequests)
		case "lose":
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // the connection breaks off
		case "cut": // the connection breaks off in the middle of the answer
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"kind":`))
			_ = http.NewResponseController(w).Flush()
			f.CloseClientConnections()
		case "hang":
			<-r.Context().Done()
		}
	}
}

// misbehaving is a proxy, and a connection through it.
func misbehaving(t *testing.T, timeout time.Duration) (*faulty, *kube.Cluster, string) {
	t.Helper()
	real := kubetest.Shared(t)
	target, err := url.Parse(real.URL)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // loopback
	proxy.FlushInterval = -1
	f := &faulty{}
	f.Server = httptest.NewUnstartedServer(f.ServeHTTP(proxy))
	f.EnableHTTP2 = true
	f.StartTLS()
	t.Cleanup(f.CloseClientConnections)
	c, err := kube.Connect(t.Context(), "new", f.kubeconfig("{token: token-admin}"), kube.Options{Timeout: timeout})
	must(t, err)
	t.Cleanup(c.Close)
	return f, c, namespace(t, c)
}

// kubeconfig leads to the proxy as a user of a kubeconfig.
func (f *faulty) kubeconfig(user string) string {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
		clusters: [{name: k, cluster: {server: %q, certificate-authority-data: %s}}], users: [{name: u, user: %s}]}`,
		f.URL, base64.StdEncoding.EncodeToString(ca), user))
}

// as is another connection through it.
func (f *faulty) as(t *testing.T, user string) *kube.Cluster {
	t.Helper()
	c, err := kube.Connect(t.Context(), "new", f.kubeconfig(user), kube.Options{})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestReadsAndConditionalWritesSurviveAServerThatStumbles(t *testing.T) {
	f, c, ns := misbehaving(t, 10*time.Second)
	if _, err := c.List(t.Context(), kube.ConfigMap, ns); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"500", "429", "lose"} {
		t.Run(how, func(t *testing.T) {
			name := "c" + how
			f.first(1, http.MethodPost, how)
			must(t, c.Apply(t.Context(), own(config(ns, name, "x"))))
			f.first(1, http.MethodPatch, how)
			must(t, c.Apply(t.Context(), own(config(ns, name, "y"))))
			f.first(1, http.MethodPatch, how)
			must(t, c.Patch(t.Context(), kube.ConfigMap, ns, name, []kube.Op{{Op: "test", Path: "/data/key", Value: "y"}, {Op: "replace", Path: "/data/key", Value: "z"}}))
			f.first(1, http.MethodGet, how)
			u, err := c.Read(t.Context(), kube.ConfigMap, ns, name)
			must(t, err)
			if got := u.Object["data"].(map[string]any)["key"]; got != "z" {
				t.Errorf("key is %v", got)
			}
			f.first(1, http.MethodDelete, how)
			must(t, c.Delete(t.Context(), kube.ConfigMap, ns, name, u.GetUID()))
		})
	}
}

func TestAWriteWhoseAnswerWasLostIsNeverCalledUnwritten(t *testing.T) {
	f, c, ns := misbehaving(t, 10*time.Second)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
	swap := []kube.Op{{Op: "test", Path: "/data/key", Value: "x"}, {Op: "replace", Path: "/data/key", Value: "y"}}
	f.set(func(r *http.Request) string { // it is written, the answer is lost, and nobody can look
		if r.Method == http.MethodPatch {
			return "lose"
		}
		return "500"
	})
	err := c.Patch(t.Context(), kube.ConfigMap, ns, "a", swap)
	if err == nil || errors.Is(err, phase.ErrMoved) {
		t.Fatalf("got %v", err)
	}
	f.set(nil)
	if u, err := c.Read(t.Context(), kube.ConfigMap, ns, "a"); err != nil || u.Object["data"].(map[string]any)["key"] != "y" {
		t.Fatalf("the test did not test what it should: %v %v", u, err)
	}
	f.first(1, http.MethodPatch, "lose")
	blind := []kube.Op{{Op: "add", Path: "/data/more", Value: "1"}, {Op: "replace", Path: "/data/key", Value: "other"}, {Op: "replace", Path: "/data/key", Value: "last"}}
	if err := c.Patch(t.Context(), kube.ConfigMap, ns, "a", blind); err == nil || errors.Is(err, phase.ErrMoved) {
		t.Errorf("a patch without a test: %v", err)
	}
	if n := f.count(http.MethodPatch); n != 1 {
		t.Errorf("a patch without a test was sent %d times", n)
	}
}

func TestAnAnswerThatIsCutOffIsAskedForAgainAndNobodyElseTellsOfIt(t *testing.T) {
	f, c, ns := misbehaving(t, 10*time.Second)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
	var told bytes.Buffer
	klog.LogToStderr(false)
	klog.SetOutput(&told)
	defer klog.LogToStderr(true)
	f.first(1, http.MethodGet, "cut")
	_, err := c.Read(t.Context(), kube.ConfigMap, ns, "a")
	must(t, err)
	klog.Flush()
	if f.count(http.MethodGet) < 2 || told.Len() > 0 {
		t.Errorf("%d requests; on stderr: %s", f.count(http.MethodGet), &told)
	}
}

// A load balancer that takes a connection and leads it nowhere: the next request finds the server.
func TestAViewGetsOverAStreamThatNeverBegins(t *testing.T) {
	for _, first := range []int{1, 2} { // of the streamed list alone, and of the plain one after it too
		f, c, ns := misbehaving(t, 2*time.Second)
		must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
		f.set(func(r *http.Request) string {
			if r.Method == http.MethodGet && r.URL.Path == "/api/v1/namespaces/"+ns+"/services" && f.counts["list"] < first {
				f.counts["list"]++
				return "hang"
			}
			return ""
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for {
			_, err := c.List(ctx, kube.Service, ns)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
		if f.count("list") != first {
			t.Errorf("%d requests hung, want %d", f.count("list"), first)
		}
	}
}

func TestAHangingServerIsCouldNotTell(t *testing.T) {
	f, c, ns := misbehaving(t, time.Second)
	must(t, c.Apply(t.Context(), own(config(ns, "a", "x"))))
	_, err := c.Get(t.Context(), kube.ConfigMap, ns, "a")
	must(t, err)
	f.set(func(*http.Request) string { return "hang" }) // the watch stays open and says nothing
	t.Log(untilUnsure(t, c, ns))
}
