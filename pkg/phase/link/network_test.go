package link

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/reach"
)

// network is a Dialer for which a test says what is at each address: an error, or where on the loopback it is.
type network struct {
	names map[string][]string

	mu sync.Mutex
	at map[string]any
}

func (n *network) put(addr string, what any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at == nil {
		n.at = map[string]any{}
	}
	n.at[addr] = what
}

func (n *network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	what := n.at[addr]
	n.mu.Unlock()
	switch what := what.(type) {
	case string:
		return new(net.Dialer).DialContext(ctx, network, what)
	case error:
		return nil, what
	}
	return nil, fault.New(fault.Refused, "spec.clusters.old.relay.allow", "the relay in old may not dial %s", addr)
}

func (n *network) LookupHost(_ context.Context, host string) ([]string, error) {
	if all := n.names[host]; len(all) > 0 {
		return all, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// dropped is what a relay says of a destination that is silent.
func dropped() error { return &net.OpError{Op: "dial from inside old", Err: syscall.ETIMEDOUT} }

// served is a web server's address.
func served(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// behaves is the address of a server that does this with every connection, and then closes it.
func behaves(t *testing.T, do func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				do(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// small answers requests of less than a packet, and takes what is more without a word.
func small(conn net.Conn) {
	got, err := conn.Read(make([]byte, 1400))
	if err != nil || got == 1400 {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
}

// impatient is the same, but closes on what is more.
func impatient(conn net.Conn) {
	if got, err := conn.Read(make([]byte, 1400)); err == nil && got < 1400 {
		_, _ = io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	}
}

var _ reach.Dialer = (*network)(nil)

// contains reports parts of text that are missing.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in %q", p, text)
		}
	}
}
