package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
)

// pairing is how long the other end may take to take a connection within a tunnel. After it the tunnel is made anew.
const pairing = 5 * time.Second

// Tunnel leads to one port of a pod by way of the API server. All connections through it share one to the API server, which
// is made when it is needed first, and again when it broke. Make it with Cluster.Tunnel, and call Close.
type Tunnel struct {
	c       *Cluster
	ns, pod string
	port    int
	to      string

	making chan struct{} // one at a time makes the connection
	mu     sync.Mutex
	conn   httpstream.Connection // nil: none
	closed bool
	number int // of connections so far
}

// Tunnel sends nothing yet.
func (c *Cluster) Tunnel(ns, pod string, port int) *Tunnel {
	return &Tunnel{c: c, ns: ns, pod: pod, port: port, to: fmt.Sprintf("port %d of %s", port, c.named(Pod, ns, pod)), making: make(chan struct{}, 1)}
}

// Dial opens one connection. That nobody listens in the pod shows at its first Read.
func (t *Tunnel) Dial(ctx context.Context) (net.Conn, error) {
	for {
		shared, fresh, err := t.connection(ctx)
		if err != nil {
			return nil, t.c.explain("dial "+t.to, err)
		}
		conn, err := t.pair(ctx, shared)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() == nil || errors.Is(err, errSlow) {
			t.drop(shared)
		}
		if fresh || ctx.Err() != nil {
			return nil, t.c.explain("dial "+t.to, err)
		}
	}
}

// Close ends every connection through it.
func (t *Tunnel) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.conn != nil {
		_ = t.conn.Close() // what is under way is given up
		t.conn = nil
	}
}

// connection returns the one to the API server; fresh: it was made for this call.
func (t *Tunnel) connection(ctx context.Context) (conn httpstream.Connection, fresh bool, err error) {
	select {
	case t.making <- struct{}{}:
		defer func() { <-t.making }()
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	if conn := t.open(); conn != nil {
		return conn, false, nil
	}
	if conn, err = t.c.connect(ctx, t.ns, t.pod); err != nil {
		return nil, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, false, errors.Join(net.ErrClosed, conn.Close())
	}
	t.conn = conn
	return conn, true, nil
}

func (t *Tunnel) open() httpstream.Connection {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return nil
	}
	select {
	case <-t.conn.CloseChan():
		t.conn = nil
	default:
	}
	return t.conn
}

func (t *Tunnel) drop(conn httpstream.Connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = conn.Close() // it is broken
	if t.conn == conn {
		t.conn = nil
	}
}

var errSlow = fmt.Errorf("no answer within %s", pairing)

// pair opens the two streams of one connection. The pipe in between gives it deadlines, which streams lack.
func (t *Tunnel) pair(ctx context.Context, conn httpstream.Connection) (net.Conn, error) {
	t.mu.Lock()
	id := t.number
	t.number++
	t.mu.Unlock()
	limited, cancel := context.WithTimeoutCause(ctx, pairing, errSlow)
	defer cancel()
	type answer struct {
		p   *pair
		err error
	}
	answers := make(chan answer, 1)
	go func() { // creating a stream waits for the other end, and knows no context
		p, err := newPair(conn, t.port, id)
		answers <- answer{p, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, a.err
		}
		ours, theirs := net.Pipe()
		out := &tunnelled{Conn: ours, to: t.to}
		go out.carry(a.p, theirs)
		return out, nil
	case <-limited.Done():
		go func() {
			if a := <-answers; a.p != nil {
				a.p.end()
			}
		}()
		return nil, context.Cause(limited)
	}
}

// pair is what one connection is inside a tunnel.
type pair struct {
	conn             httpstream.Connection
	data, complaints httpstream.Stream
}

func newPair(conn httpstream.Connection, port, id int) (*pair, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.Itoa(id))
	complaints, err := conn.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	if err := complaints.Close(); err != nil { // our direction of it
		return nil, err
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(headers)
	if err != nil {
		_ = complaints.Reset() // without its other half it is nothing
		return nil, err
	}
	return &pair{conn, data, complaints}, nil
}

func (p *pair) end() {
	_, _ = p.data.Reset(), p.complaints.Reset() // nobody wants either any more
	p.conn.RemoveStreams(p.data, p.complaints)
}

// tunnelled is our end of a connection into a pod.
type tunnelled struct {
	net.Conn
	refused atomic.Pointer[error] // what the kubelet said
	to      string
}

func (t *tunnelled) carry(p *pair, theirs net.Conn) {
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(theirs, p.data)
		if said, err := io.ReadAll(p.complaints); err == nil && len(said) > 0 {
			err := fmt.Errorf("dial %s: the kubelet says: %s", t.to, said)
			t.refused.Store(&err)
		}
		_ = theirs.Close()
	}()
	_, _ = io.Copy(p.data, theirs) // ends when either side closed
	p.end()
	<-back
}

// Read tells what the kubelet complained about instead of a plain end.
func (t *tunnelled) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if err != nil && errors.Is(err, io.EOF) {
		if said := t.refused.Load(); said != nil {
			return n, *said
		}
	}
	return n, err
}
