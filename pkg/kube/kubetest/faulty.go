package kubetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// Fault is one way to misbehave.
type Fault string

// The faults.
const (
	Answer500 Fault = "500"
	TooMany   Fault = "429"   // with Retry-After, a second
	Reset     Fault = "reset" // the connection breaks before the server heard of it
	Lose      Fault = "lose"  // the server does it, and says nothing; of a stream, which never ends, it hears nothing
	Cut       Fault = "cut"   // the connection breaks in the middle of the answer
	Slow      Fault = "slow"  // the server is asked two seconds later
	Hang      Fault = "hang"  // no answer until the client gives up
	Gone      Fault = "gone"  // as Leave
)

// Met is a call that met a fault.
type Met struct {
	Call
	Fault Fault
}

func (m Met) String() string { return m.Kind() + " (" + string(m.Fault) + ")" }

// Faulty is a proxy between clients and a Server that misbehaves when it is told to. Between two calls of Obey it knows what
// the server took, and so what was done twice.
type Faulty struct {
	Kubeconfig string // of the way through the proxy, as the administrator

	t        testing.TB
	upstream *httputil.ReverseProxy

	mu     sync.Mutex
	front  *httptest.Server // nil: gone
	at     string
	decide func(Call) Fault
	met    []Met
	took   map[string]int // writes that the server did, by all that they say
}

// Faulty puts a proxy before the server, which is honest until Obey. It ends with the test.
func (s *Server) Faulty(t testing.TB) *Faulty {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := &Faulty{t: t, at: "127.0.0.1:0", took: map[string]int{}}
	f.upstream = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}, //nolint:gosec // loopback
		FlushInterval:  -1,                                                                                               // a watch is told at once
		ErrorLog:       log.New(io.Discard, "", 0),
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: f.done,
	}
	f.Back()
	t.Cleanup(f.Leave)
	f.Kubeconfig = filepath.Join(t.TempDir(), "faulty.kubeconfig")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.front.Certificate().Raw})
	if err := os.WriteFile(f.Kubeconfig, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "https://%s", certificate-authority-data: %s}}]
users: [{name: u, user: {token: token-admin}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
`, f.at, base64.StdEncoding.EncodeToString(ca)), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// Obey lets decide say what each call meets, "" for nothing, one call at a time; nil: nothing meets anything. It forgets what was.
func (f *Faulty) Obey(decide func(Call) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decide, f.met, f.took = decide, nil, map[string]int{}
}

// First lets the first n calls of a kind, such as "create services", meet a fault.
func First(n int, kind string, do Fault) func(Call) Fault {
	return func(c Call) Fault {
		if c.Kind() != kind || n == 0 {
			return ""
		}
		n--
		return do
	}
}

// Met are the calls that met a fault since Obey.
func (f *Faulty) Met() []Met {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.met)
}

// Took are the writes that the server took since Obey.
func (f *Faulty) Took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.took))
}

// Twice are the writes that the server took more than once since Obey, word for word.
func (f *Faulty) Twice() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for write, n := range f.took {
		if n > 1 {
			out = append(out, fmt.Sprintf("%s: %d times", write, n))
		}
	}
	return out
}

// Leave refuses connections from now on, and breaks those that are open.
func (f *Faulty) Leave() {
	f.mu.Lock()
	front := f.front
	f.front = nil
	f.mu.Unlock()
	if front != nil {
		_ = front.Listener.Close()
		front.CloseClientConnections()
	}
}

// Back listens, again at the same address after Leave.
func (f *Faulty) Back() {
	f.t.Helper()
	f.mu.Lock()
	here, at := f.front != nil, f.at
	f.mu.Unlock()
	if here {
		return
	}
	listener, err := net.Listen("tcp", at)
	for giveUp := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(giveUp); listener, err = net.Listen("tcp", at) {
		time.Sleep(100 * time.Millisecond) // a connection of somebody else's may have that port for its own end
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = listener.Addr().String()
	f.front = &httptest.Server{Listener: listener, EnableHTTP2: true, Config: &http.Server{
		Handler: f, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}}
	f.front.StartTLS()
}

type (
	connKey  struct{}
	writeKey struct{}
)

// ServeHTTP does to a call what was decided.
func (f *Faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := callOf(r)
	switch f.fault(call) {
	case Answer500:
		fails(w, http.StatusInternalServerError, "InternalError")
	case TooMany:
		w.Header().Set("Retry-After", "1")
		fails(w, http.StatusTooManyRequests, "TooManyRequests")
	case Reset:
		reset(r)
	case Lose:
		if call.Verb != "watch" && call.Verb != "connect" {
			f.pass(httptest.NewRecorder(), r, call)
		}
		reset(r)
	case Cut:
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"kind":`)
		_ = http.NewResponseController(w).Flush()
		reset(r)
	case Gone:
		f.Leave()
		panic(http.ErrAbortHandler)
	case Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Slow:
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-time.After(2 * time.Second):
		}
		f.pass(w, r, call)
	default:
		f.pass(w, r, call)
	}
}

func (f *Faulty) fault(c Call) (is Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decide != nil {
		is = f.decide(c)
	}
	if is != "" {
		f.met = append(f.met, Met{c, is})
	}
	return is
}

// pass lets the server have the call. Of a write all that it says is remembered until the server has answered.
func (f *Faulty) pass(w http.ResponseWriter, r *http.Request, c Call) {
	if c.Writes() {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		sum := sha256.Sum256(append([]byte(r.URL.RawQuery), body...))
		r = r.WithContext(context.WithValue(r.Context(), writeKey{}, fmt.Sprintf("%s %s, sum %.4x", c.Verb, r.URL.Path, sum)))
	}
	f.upstream.ServeHTTP(w, r)
}

// done counts a write that the server took.
func (f *Faulty) done(r *http.Response) error {
	write, _ := r.Request.Context().Value(writeKey{}).(string)
	if write != "" && r.StatusCode < http.StatusMultipleChoices {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.took[write]++
	}
	return nil
}

// reset breaks the connection that a call came by, and with it all others that share it.
func reset(r *http.Request) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = conn.Close()
	panic(http.ErrAbortHandler)
}

// fails answers as an API server does.
func fails(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "injected", "reason": %q, "code": %d}`, reason, code)
}
