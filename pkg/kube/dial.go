package kube

import (
	"context"
	"net"
	"net/http"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// Dial opens a TCP connection to a port of a pod by way of the API server. It takes get and create on
// pods/portforward: WebSocket first, SPDY where a proxy or an old API server does not let that pass. That nobody
// listens in the pod shows at the first Read.
func (c *Cluster) Dial(ctx context.Context, ns, pod string, port int) (net.Conn, error) {
	t := c.Tunnel(ns, pod, port)
	conn, err := t.Dial(ctx)
	if err != nil {
		t.Close()
		return nil, err
	}
	return &last{conn, t}, nil
}

// last is the only connection of a tunnel.
type last struct {
	net.Conn
	tunnel *Tunnel
}

func (l *last) Close() error {
	err := l.Conn.Close()
	l.tunnel.Close()
	return err
}

// connect shakes hands with the API server. client-go's dialers know no context.
func (c *Cluster) connect(ctx context.Context, ns, pod string) (httpstream.Connection, error) {
	dialer, err := c.dialer(ns, pod)
	if err != nil {
		return nil, err
	}
	type answer struct {
		conn httpstream.Connection
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		conn, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		answers <- answer{conn, err}
	}()
	select {
	case a := <-answers:
		return a.conn, a.err
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.conn != nil {
				_ = a.conn.Close()
			}
		}()
		return nil, context.Cause(ctx)
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
