package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/reach"
)

// How long a destination may take. A relay itself gives up first: only then is it known that nothing came, and not merely that
// nothing came to us.
const (
	directly = reach.Dialing
	relayed  = reach.Dialing + 3*time.Second
)

// attempts is how often a path is dialled, since not every backend of a load balancer need be there.
const attempts = 3

// dial resolves and dials one path, and sees what is there.
func dial(ctx context.Context, by reach.Dialer, p Path, host string) Row {
	row := Row{Path: p}
	name, _, err := net.SplitHostPort(p.To)
	if err != nil {
		return row.unsure(err)
	}
	_, direct := by.(reach.Direct)
	limit := relayed
	if direct {
		limit = directly
	}
	if row.Addresses, err = lookup(ctx, by, name, limit); err != nil {
		return row.nameless(err)
	}
	row = row.connect(ctx, by, limit, direct)
	switch {
	case row.State != Open:
	case p.http:
		return row.speak(ctx, by, host)
	case p.zone != "":
		return row.datagrams(ctx, by)
	}
	return row
}

func lookup(ctx context.Context, by reach.Dialer, name string, limit time.Duration) ([]string, error) {
	if net.ParseIP(name) != nil {
		return []string{name}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return by.LookupHost(ctx, name)
}

// connect dials, again and again: every connection has to come about, and the shortest time is the path's.
func (r Row) connect(ctx context.Context, by reach.Dialer, limit time.Duration, direct bool) Row {
	var best time.Duration
	for n := range attempts {
		took, err := once(ctx, by, r.To, limit)
		if err != nil {
			if r = r.failed(err, direct); n > 0 {
				r.some, r.Why = true, fmt.Sprintf("connection %d of %d: %s", n+1, attempts, r.Why)
			}
			return r
		}
		if n == 0 || took < best {
			best = took
		}
	}
	r.State, r.Millis = Open, float64(best.Microseconds())/1000
	return r
}

// once lets who dials say how long a connection takes: seen from here the way to a relay would be part of it. 0: nobody says.
func once(ctx context.Context, by reach.Dialer, to string, limit time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if watch, able := by.(interface {
		Took(ctx context.Context, addr string) (time.Duration, error)
	}); able {
		return watch.Took(ctx, to)
	}
	conn, err := by.DialContext(ctx, "tcp", to)
	if err == nil {
		_ = conn.Close() // nothing was said
	}
	return 0, err
}

// failed sorts what went wrong. direct: an end of our own patience is the destination's silence.
func (r Row) failed(err error, direct bool) Row {
	var neterr net.Error
	switch {
	case broken(err), fault.CodeOf(err) != fault.Unknown, errors.Is(err, context.Canceled):
		return r.unsure(err)
	case errors.As(err, new(*net.DNSError)):
		return r.nameless(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		r.State, r.Why = Refused, "nobody listens there, or a firewall rejects it"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		r.State, r.Why = NoRoute, "the route is missing, or a firewall rejects it"
	case errors.Is(err, syscall.ETIMEDOUT), direct && (errors.Is(err, context.DeadlineExceeded) || errors.As(err, &neterr) && neterr.Timeout()):
		r.State, r.Why = TimedOut, "not a packet came back"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return r.unsure(fmt.Errorf("the relay in %s did not answer in time", r.From))
	default:
		return r.unsure(err)
	}
	return r
}

// nameless sorts why a name leads nowhere. A resolver that could not say is asked again.
func (r Row) nameless(err error) Row {
	name, said := errors.AsType[*net.DNSError](err)
	if !said || !name.IsNotFound {
		return r.unsure(err)
	}
	r.State, r.Why = NoName, name.Err
	return r
}

func (r Row) unsure(err error) Row {
	r.State, r.Why, r.err = Unsure, err.Error(), err
	if hints := fault.Hints(err); len(hints) > 0 {
		r.Why += " (" + strings.Join(hints, "; ") + ")"
	}
	return r
}

// broken: the way to the relay broke, and nobody can tell what the destination did.
func broken(err error) bool {
	var way interface{ Broken() bool }
	return errors.As(err, &way) && way.Broken()
}

// closed: the other side ended the connection.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
