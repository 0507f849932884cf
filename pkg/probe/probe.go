// Package probe asks real requests and keeps the books: who answered, what was lost, how long nobody answered. It decides
// nothing about phases and knows neither Kubernetes nor the plan; what a good answer is, the caller says.
//
// Every request travels on a connection of its own. A kept-alive connection would stay with the process that once
// accepted it and so hide exactly the changes that this tool makes, and Go's client silently repeats a request on a
// dead idle connection: a prober that repeats cannot count losses.
package probe

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What every probe carries, so that logs can tell it from a user's request.
const (
	UserAgent   = "cutover-probe"
	HeaderProbe = "X-Cutover-Probe" // the request's ID, also the value of the query parameter that defeats caches
	HeaderVia   = "X-Cutover-Via"   // in answers: the marker of the bridge or of the inner entry
	Parameter   = "cutover-probe"
)

// DefaultTimeout bounds one request when Target.Timeout is 0.
const DefaultTimeout = 10 * time.Second

// Target is what to ask: one path of one host at one address.
type Target struct {
	Name   string // in ledgers; default Host + Path
	Addr   string // host:port to dial, whatever Host resolves to
	TLS    bool
	Host   string // Host header and, with TLS, the server name
	Path   string // may carry a query; default "/"
	Header map[string]string

	Timeout time.Duration  // of one request, dial to last byte; 0 = DefaultTimeout
	Roots   *x509.CertPool // nil: the system's, which SSL_CERT_FILE replaces

	// Dial opens the connection; nil means net.Dialer.
	Dial Dial
}

// Dial opens a connection to host:port over "tcp".
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Label is the target's name in ledgers and messages.
func (t Target) Label() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Host + t.path()
}

func (t Target) path() string {
	if strings.HasPrefix(t.Path, "/") {
		return t.Path
	}
	return "/" + t.Path
}

// Answer is what one request got. With a Class there was no answer, and Err says why.
type Answer struct {
	ID          string    // of the request
	At          time.Time // when it was sent
	Latency     time.Duration
	Class       Class
	Err         error
	Status      int
	Via         string   // X-Cutover-Via
	Location    string   // absolute, as a browser would follow it; default ports, the port that was dialed and the ID taken out
	ContentType string   // without parameters
	Cookies     []string // names, sorted
	Header      http.Header
	Body        []byte // at most 64 KiB

	// The certificate, also when it is the reason why there is no answer.
	CertNames []string
	NotAfter  time.Time // when the chain ends, or the leaf where no chain is trusted
	Cert      string    // fingerprint of the leaf

	certs []*x509.Certificate
	roots *x509.CertPool
}

// waysTried is how often a request is sent whose own way to the target breaks.
const waysTried = 3

// Ask sends one GET on a fresh connection: no proxy, no redirects, no second try, and it never says yes to a certificate
// that a client would refuse. Only where our own way to the target broke, which no client takes, it is sent again.
func Ask(ctx context.Context, t Target) Answer {
	for try := 1; ; try++ {
		if a := ask(ctx, t); !broken(a.Err) || try == waysTried || ctx.Err() != nil {
			return a
		}
	}
}

func ask(ctx context.Context, t Target) Answer {
	a := Answer{ID: rand.Text(), At: time.Now(), roots: t.Roots}
	timeout := t.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := t.request(ctx, a.ID)
	if err != nil {
		a.Class, a.Err = Other, err
		return a
	}
	var mu sync.Mutex // an abandoned handshake may still be running when RoundTrip returns
	var certs []*x509.Certificate
	client := t.transport(func(peer []*x509.Certificate) {
		mu.Lock()
		defer mu.Unlock()
		certs = peer
	})
	var connected, spoke atomic.Bool
	trace := &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { connected.Store(true) },
		GotFirstResponseByte: func() { spoke.Store(true) },
	}
	resp, err := client.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err == nil {
		err = a.read(t, resp)
	}
	a.Latency = time.Since(a.At)
	mu.Lock()
	a.certificate(certs, hostname(t.Host))
	mu.Unlock()
	if err != nil {
		// What net/http says of a connection that was closed between two of its own steps has no type.
		if a.Class = Classify(err); a.Class == Other && connected.Load() && !spoke.Load() && !broken(err) {
			a.Class = Reset
		}
		a.Err = fmt.Errorf("ask %s at %s: %w", t.Label(), t.Addr, err)
	}
	return a
}
