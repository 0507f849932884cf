package faulty

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// server stands for a kube-apiserver, and remembers what it was asked.
type server struct {
	mu    sync.Mutex
	heard []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.heard = append(s.heard, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	s.mu.Unlock()
	if r.URL.Query().Get("watch") == "1" {
		fmt.Fprint(w, "event\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	if strings.Contains(string(body), "conflict") {
		w.WriteHeader(http.StatusConflict)
	}
	fmt.Fprint(w, r.Header.Get("Authorization"))
}

func (s *server) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.heard)
}

// start returns a proxy in front of a server, and a client of it as a tool would have one.
func start(t *testing.T) (*Proxy, *server, *http.Client, string) {
	t.Helper()
	s := &server{}
	real := httptest.NewTLSServer(s)
	t.Cleanup(real.Close)
	t.Cleanup(real.CloseClientConnections)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: real.Certificate().Raw})
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
 clusters: [{name: k, cluster: {server: %q, certificate-authority-data: %s}}], users: [{name: u, user: {token: hunter2}}]}`,
		real.URL, base64.StdEncoding.EncodeToString(ca))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Start(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	client, url := clientOf(t, p)
	return p, s, client, url
}

func clientOf(t *testing.T, p *Proxy) (*http.Client, string) {
	t.Helper()
	text, err := p.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return client, config.Host
}

// ask sends a request and returns the status and the body, or the error.
func ask(ctx context.Context, c *http.Client, method, url, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
