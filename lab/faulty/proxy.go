// Package faulty is a proxy between a client and a kube-apiserver that misbehaves as a test tells it: it answers errors,
// breaks connections before or after the server did what it was asked, hangs, is slow, or is gone. It keeps a log of
// every call, from which a test reads whether a write was repeated where that could write twice.
//
// Faults happen when a call arrives, to that call (a reset takes its whole connection along, as a load balancer does).
// It does not touch what flows in a stream that is open: a watch goes on, neither slowed nor cut, unless its connection
// ends. It does not alter or truncate answers, lose packets, forge certificates or limit bandwidth, it knows nothing of
// admission or etcd, and what it calls a verb is derived from the request alone.
package faulty

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"cutover.dev/cutover/lab/pki"
)

// Proxy is one proxy on the loopback. Its methods may be called from many goroutines.
type Proxy struct {
	address  string
	pair     tls.Certificate
	config   clientcmdapi.Config // what its clients use
	upstream http.Handler

	mu     sync.Mutex
	rules  []*Rule
	turns  *Turns // for calls that no rule takes; nil: they have none
	calls  []*Call
	server *http.Server // nil: gone
	open   map[*counted]bool
	let    chan struct{} // closed when the calls that hang shall end
}

// Start reads a kubeconfig with its certificates and token inside, and serves at an address of the loopback. Clients are
// to use Kubeconfig. The caller closes it.
func Start(kubeconfig string) (*Proxy, error) {
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("start the faulty proxy: %w", err)
	}
	cluster := config.Clusters[config.Contexts[config.CurrentContext].Cluster]
	target, err := url.Parse(cluster.Server)
	if err != nil {
		return nil, fmt.Errorf("start the faulty proxy: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cluster.CertificateAuthorityData)
	authority, err := pki.NewAuthority("faulty proxy")
	if err != nil {
		return nil, err
	}
	pair, err := authority.Server("127.0.0.1")
	if err != nil {
		return nil, err
	}
	p := &Proxy{config: *config.DeepCopy(), address: "127.0.0.1:0", open: map[*counted]bool{}, let: make(chan struct{})}
	p.upstream = upstream(target, roots, p.answered)
	if p.pair, err = tls.X509KeyPair(pair.Cert, pair.Key); err != nil {
		return nil, fmt.Errorf("start the faulty proxy: %w", err)
	}
	if err := p.Back(); err != nil {
		return nil, err
	}
	ours := p.config.Clusters[config.Contexts[config.CurrentContext].Cluster]
	ours.Server, ours.CertificateAuthorityData = "https://"+p.address, authority.Cert
	return p, nil
}

// upstream passes requests on by HTTP/1.1: an upgrade (port-forward) needs it.
func upstream(target *url.URL, roots *x509.CertPool, answered func(*http.Response) error) http.Handler {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: protocols, MaxIdleConnsPerHost: 64},
		FlushInterval:  -1, // a watch has to arrive event by event
		ModifyResponse: answered,
		ErrorLog:       log.New(discard{}, "", 0),
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// Kubeconfig is for the client that is to be tried: the same user, and this proxy as the server.
func (p *Proxy) Kubeconfig() ([]byte, error) { return clientcmd.Write(p.config) }

// Address is where it listens, host and port.
func (p *Proxy) Address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

// Back listens, again at the same address after Leave.
func (p *Proxy) Back() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", p.address)
	if err != nil {
		return fmt.Errorf("listen at %s: %w", p.address, err)
	}
	p.address = listener.Addr().String()
	p.server = &http.Server{
		Handler: p, TLSConfig: &tls.Config{Certificates: []tls.Certificate{p.pair}}, ErrorLog: log.New(discard{}, "", 0),
		ReadHeaderTimeout: time.Minute,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	go func(s *http.Server) { _ = s.ServeTLS(&counting{listener, p}, "", "") }(p.server)
	return nil
}

// Leave refuses connections from now on and resets those that are open.
func (p *Proxy) Leave() {
	p.mu.Lock()
	server, open := p.server, p.open
	p.server, p.open = nil, map[*counted]bool{}
	p.mu.Unlock()
	if server == nil {
		return
	}
	_ = server.Close()
	for c := range open {
		c.reset()
	}
}

// Close ends the proxy, and all calls that hang.
func (p *Proxy) Close() {
	p.Obey()
	p.Leave()
}

type connKey struct{}

// resetOf resets the connection that a request came by.
func resetOf(r *http.Request) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if c, ok := conn.(*counted); ok {
		c.reset()
	}
}

// counting remembers the connections that it accepts, those that are upgraded too.
type counting struct {
	net.Listener
	proxy *Proxy
}

func (l *counting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &counted{Conn: conn, proxy: l.proxy}
	l.proxy.mu.Lock()
	l.proxy.open[c] = true
	l.proxy.mu.Unlock()
	return c, nil
}

type counted struct {
	net.Conn
	proxy *Proxy
}

func (c *counted) Close() error {
	c.proxy.mu.Lock()
	delete(c.proxy.open, c)
	c.proxy.mu.Unlock()
	return c.Conn.Close()
}

// reset ends the connection without a farewell.
func (c *counted) reset() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return
	}
}
