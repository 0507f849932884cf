package cli_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

// door is a way to an API server for tokens that can end. What one that has ended asks for, the server itself refuses.
type door struct {
	url, ca string
	mu      sync.Mutex
	ended   bool
	write   string         // the path of the first write that comes too late; "" for none
	refused map[string]int // by method and what it was about
}

func doorTo(t *testing.T, s *kubetest.Server) *door {
	t.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(read(t, s.CA)))
	d := &door{refused: map[string]int{}}
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true},
		FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0), ModifyResponse: d.count,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("Authorization", "Bearer token-"+d.known(r.In))
		},
	})
	front.EnableHTTP2 = true
	front.StartTLS() // where anybody could read it client-go sends no token
	t.Cleanup(func() {
		front.CloseClientConnections() // watches never end on their own
		front.Close()
	})
	d.url, d.ca = front.URL, base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}))
	return d
}

// known is whom the server takes a client for; "ended" is nobody.
func (d *door) known(r *http.Request) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.write != "" && r.Method != http.MethodGet && strings.HasSuffix(r.URL.Path, d.write) {
		d.ended = true
	}
	if d.ended {
		return "ended"
	}
	return "admin"
}

func (d *door) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
}

// endBy lets the token have ended by the time of the first write of a path, however fast the machine is.
func (d *door) endBy(write string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write = write
}

func (d *door) count(r *http.Response) error {
	if r.StatusCode == http.StatusUnauthorized {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.refused[r.Request.Method+" "+path.Join(path.Base(path.Dir(r.Request.URL.Path)), path.Base(r.Request.URL.Path))]++
	}
	return nil
}

// kubeconfig is the path of one with a token.
func (d *door) kubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
 clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}], users: [{name: u, user: {token: a-t0ken-that-ends}}]}`, d.url, d.ca)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// once wants nothing to have been asked for again after its 401, but for what has to go on as long as the run does: the lock, the
// look whether pods are there, and views. What failed is looked at a second time, for the person.
func (d *door) once(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for what, n := range d.refused {
		switch method, object, _ := strings.Cut(what, " "); {
		case what == "PUT leases/cutover-two", method == http.MethodGet && strings.HasSuffix(object, "s"):
		case method == http.MethodGet && n > 2, method != http.MethodGet && n > 1:
			t.Errorf("%s was refused %d times", what, n)
		}
	}
	if len(d.refused) == 0 {
		t.Error("nothing was refused")
	}
}

// The token of a job ends in the middle of a stretch. Where the way back needs it, the stretch stays half-way, and what is said then
// has to be enough for whoever comes with a fresh one.
func TestATokenThatEndsInsideAStretch(t *testing.T) {
	w, program := newWorld(t), binary(t)
	w.readyToMove(t)
	w.gently(t)
	newest, plan := w.newest(t), read(t, w.plan)
	const leads, late = "swap the routes of ingress shop/web to shop/Deployment/web in new", "send late clients of shop/Deployment/web in ingress shop/web of old on to new"
	for _, c := range []struct {
		env, write string // the write before which the token ends; "" = while it is watched whether it stays good
		back       bool   // it went back by itself
		holds      string // what of the stretch still does, in the words of the error
		verb       string // with a fresh token
	}{
		{phase.Old, "/ingresses/web", true, "", ""}, // only the tail needs old
		{phase.New, "", false, leads, "recover"},
		{phase.Old, "/deployments/web", false, leads + ", " + late, "apply"},
	} {
		text := plan
		if c.write != "" {
			text = strings.Replace(plan, "watch: 1h", "watch: 1s", 1)
		}
		if err := os.WriteFile(w.plan, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d := doorTo(t, w.servers[c.env])
		d.endBy(c.write)
		p := w.start(t, program, []string{"apply", "--phase", "migrate/shop"}, "CUTOVER_"+strings.ToUpper(c.env)+"_KUBECONFIG="+d.kubeconfig(t))
		if c.write == "" {
			w.come(t, p, "prove:shop/Deployment/web")
			d.end()
		}
		code, said := p.end(t), p.errs.String()
		d.once(t)
		fresh := "put fresh ones into CUTOVER_" + strings.ToUpper(c.env) + "_KUBECONFIG and run the same phase again"
		if code != 4 || !strings.Contains(said, fresh) || !strings.Contains(said, "\ngo on:    cutover apply --plan "+w.plan+" --phase migrate/shop\n") {
			t.Errorf("the token of %s ends at %q: exit code %d\n%s", c.env, c.write, code, said)
		}
		if half := strings.Contains(said, "a watched stretch is left half-way, where this still holds: "+c.holds+"; "); half == c.back ||
			half != strings.Contains(said, "hint: a person is needed: clients are served as what still holds leads them") {
			t.Errorf("the token of %s ends at %q: left half-way: %v\n%s", c.env, c.write, half, said)
		}
		if to := w.leadsTo(t); (to == ingress.ProxyService) != c.back {
			t.Errorf("the token of %s ends at %q: clients are led to %s\n%s", c.env, c.write, to, said)
		}
		if c.verb == "" {
			continue
		}
		if code, out, errs := w.by(t, program, c.verb); code != 0 {
			t.Errorf("%s with a fresh token: exit code %d\n%s%s", c.verb, code, out, errs)
		}
		if to, back := w.leadsTo(t), c.verb == "recover"; (to == ingress.ProxyService) != back || (newest(swapID) == journal.Reverted) != back || (newest(downID) == journal.Done) == back {
			t.Errorf("after %s with a fresh token clients are led to %s, and the journal has swap %s, down %s", c.verb, to, newest(swapID), newest(downID))
		}
	}
}
