// Package reach opens connections from where an environment is: from this process, or from inside a cluster by way of a
// small pod of this program that is reached through the API server's port-forward. So a runner needs to reach nothing but the
// two API servers. It must not decide what is dialled from where, and dials nothing that nobody allowed: the pod takes only
// the destinations that it was started with, from whoever has the token of the run that started it.
package reach

import (
	"context"
	"net"
	"time"
)

// Dialer opens connections, and resolves names, where it stands. The networks are "tcp" and "udp". A connection over "udp"
// that comes through a relay is a stream that carries DNS as it goes over TCP, two bytes of length before each message; the
// relay sends it on as datagrams.
type Dialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// Sides are the dialers of a run. The zero value dials everything from this process.
type Sides struct{ Old, New Dialer }

// From is the dialer that stands on a side, "old" or "new"; for "", and for a side without one of its own, this process.
func (s Sides) From(side string) Dialer {
	switch {
	case side == "old" && s.Old != nil:
		return s.Old
	case side == "new" && s.New != nil:
		return s.New
	}
	return Direct{}
}

// Direct is the network of this process.
type Direct struct{}

// DialContext is Dialer's.
func (Direct) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// Took dials, and is how long a connection took to come about.
func (d Direct) Took(ctx context.Context, addr string) (time.Duration, error) {
	return took(ctx, d, addr)
}

func took(ctx context.Context, d Dialer, addr string) (time.Duration, error) {
	began := time.Now()
	conn, err := d.DialContext(ctx, netTCP, addr)
	if err != nil {
		return 0, err
	}
	return time.Since(began), conn.Close()
}

// LookupHost is Dialer's.
func (Direct) LookupHost(ctx context.Context, host string) ([]string, error) {
	return net.DefaultResolver.LookupHost(ctx, host)
}
