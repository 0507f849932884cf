package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// Dial opens a TCP connection to a port of a pod by way of the API server. It takes get and create on
// pods/portforward: WebSocket first, SPDY where a proxy or an old API server does not let that pass. That nobody
// listens in the pod shows at the first Read.
func (c *Cluster) Dial(ctx context.Context, ns, pod string, port int) (net.Conn, error) {
	to := fmt.Sprintf("port %d of %s", port, c.named(Pod, ns, pod))
	dialer, err := c.dialer(ns, pod)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	type answer struct {
		conn httpstream.Connection
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // client-go's dialers know no context
		conn, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		answers <- answer{conn, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, c.explain("dial "+to, a.err)
		}
		conn, err := tunnel(a.conn, to, port)
		if err != nil {
			_ = a.conn.Close()
			return nil, c.explain("dial "+to, err)
		}
		return conn, nil
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.conn != nil {
				_ = a.conn.Close()
			}
		}()
		return nil, c.explain("dial "+to, context.Cause(ctx))
	}
}

func (c *Cluster) dialer(ns, pod string) (httpstream.Dialer, error) {
	base, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, err
	}
	url := base.JoinPath("api", "v1", "namespaces", ns, "pods", pod, "portforward")
	byWebSocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, c.config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	bySPDY := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	return portforward.NewFallbackDialerForStreaming(byWebSocket, bySPDY, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// tunnelled is our end of a connection into a pod.
type tunnelled struct {
	net.Conn
	refused atomic.Pointer[error] // what the kubelet said
	to      string
}

// tunnel opens the pair of streams of one connection. The pipe in between gives it deadlines, which streams lack.
func tunnel(conn httpstream.Connection, to string, port int) (net.Conn, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
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
		return nil, err
	}
	ours, theirs := net.Pipe()
	t := &tunnelled{Conn: ours, to: to}
	go t.carry(conn, complaints, data, theirs)
	return t, nil
}

func (t *tunnelled) carry(conn httpstream.Connection, complaints io.Reader, data httpstream.Stream, theirs net.Conn) {
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(theirs, data)
		if said, err := io.ReadAll(complaints); err == nil && len(said) > 0 {
			err := fmt.Errorf("dial %s: the kubelet says: %s", t.to, said)
			t.refused.Store(&err)
		}
		_ = theirs.Close()
	}()
	_, _ = io.Copy(data, theirs) // ends when either side closed
	_ = data.Reset()
	_ = conn.Close()
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
