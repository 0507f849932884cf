package load

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// idle is how long a kept connection stays open without use: shorter than any server's own limit, or the client would
// reuse a connection in the moment in which the server gives it up.
const idle = 10 * time.Second

// clients are the HTTP clients of one group towards one entry.
type clients struct {
	group, entry string
	names        *Names // nil: they go to the entry's address
	keep, fresh  *http.Client
	kept         *http.Transport
	moved        chan struct{} // closed when the group goes to another entry
}

func (o *Options) clients(group string, e Entry, n *Names) *clients {
	transport := func(fresh bool) *http.Transport {
		return &http.Transport{
			DisableKeepAlives: fresh, DisableCompression: true,
			MaxIdleConnsPerHost: 64, IdleConnTimeout: idle, TLSHandshakeTimeout: o.DialTimeout,
			TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			DialContext:     o.dial(e, n),
		}
	}
	kept := transport(false)
	client := func(t *http.Transport) *http.Client {
		return &http.Client{
			Transport: t, Timeout: o.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &clients{
		group: group, entry: e.Name, names: n, keep: client(kept), fresh: client(transport(true)), kept: kept,
		moved: make(chan struct{}),
	}
}

// dial connects to the entry or, where clients go by names, to where the host leads by now.
func (o *Options) dial(e Entry, n *Names) func(context.Context, string, string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: o.DialTimeout}
	return func(ctx context.Context, network, asked string) (net.Conn, error) {
		addr := e.Addr
		if n != nil {
			var err error
			if addr, err = n.find(ctx, asked); err != nil {
				return nil, err
			}
		}
		return dialer.DialContext(ctx, network, addr)
	}
}
