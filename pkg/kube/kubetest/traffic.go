package kubetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Writes is how many requests of the clients have changed something, or could have: all but reads, if the server took
// them. What a client sent before it died arrives all the same, as in life; it is waited for here.
func (c *Cluster) Writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// forward opens the way on which writes are counted: plain HTTP on loopback, as the administrator.
func (c *Cluster) forward() {
	c.t.Helper()
	target, err := url.Parse(c.server.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	pem, err := os.ReadFile(c.server.CA)
	if err != nil {
		c.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	proxy := &httputil.ReverseProxy{
		Transport:      &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true},
		FlushInterval:  -1, // a watch is told at once
		ErrorLog:       log.New(io.Discard, "", 0),
		ModifyResponse: c.counted,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Authorization", "Bearer token-admin")
		},
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if changes(r) {
			c.mu.RLock()
			defer c.mu.RUnlock()
			ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context())) // one that can end, or the proxy asks the connection
			defer cancel()
			r = r.WithContext(ctx)
		}
		proxy.ServeHTTP(w, r)
	}))
	c.t.Cleanup(func() {
		front.CloseClientConnections() // watches never end on their own
		front.Close()
	})
	c.Kubeconfig = filepath.Join(c.t.TempDir(), "counted.kubeconfig")
	if err := os.WriteFile(c.Kubeconfig, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: %q}}]
users: [{name: u, user: {}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
`, front.URL), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// changes: whether a request writes. Access reviews are posted, and nothing is kept of them.
func changes(r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") {
		return false
	}
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}

func (c *Cluster) counted(r *http.Response) error {
	if changes(r.Request) && r.StatusCode < http.StatusMultipleChoices {
		c.count.Lock()
		defer c.count.Unlock()
		c.writes++
	}
	return nil
}
