package reach

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"time"
)

// How often a way that breaks before the relay has answered is tried again. A pod that is made anew takes its own time.
const (
	wayTries = 4
	wayPause = 200 * time.Millisecond // doubles
)

// Way leads to a relay.
type Way interface {
	// Open opens a stream to the port that the relay listens on.
	Open(ctx context.Context) (net.Conn, error)
	// Doubt says that a stream broke off: whether the relay is still there has to be asked again.
	Doubt()
}

// Relay dials from where a relay stands. Make it with NewRelay.
type Relay struct {
	env, token string
	way        Way
}

// NewRelay makes the Dialer of an environment. The token is never part of an error.
func NewRelay(env, token string, way Way) *Relay { return &Relay{env, token, way} }

// DialContext is Dialer's. That a way to the relay broke is tried again; what the destination answers is not.
func (r *Relay) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, in, answer, err := r.ask(ctx, request{r.token, strings.TrimRight(network, "46"), addr})
	if err != nil {
		return nil, err
	}
	return newFramed(conn, in, place{network, answer}, place{network, addr}), nil
}

// LookupHost is Dialer's.
func (r *Relay) LookupHost(ctx context.Context, host string) ([]string, error) {
	if net.ParseIP(host) != nil {
		return []string{host}, nil
	}
	conn, _, answer, err := r.ask(ctx, request{r.token, netLookup, host})
	if err != nil {
		return nil, err
	}
	_ = conn.Close() // it said all
	return strings.Fields(answer), nil
}

// Took dials, and is how long that took as the relay sees it, without the way to the relay. Its errors are those of DialContext.
func (r *Relay) Took(ctx context.Context, addr string) (time.Duration, error) {
	conn, _, answer, err := r.ask(ctx, request{r.token, netTime, addr})
	if err != nil {
		return 0, err
	}
	_ = conn.Close() // it said all
	return time.ParseDuration(answer)
}

func (r *Relay) ask(ctx context.Context, q request) (conn net.Conn, in *bufio.Reader, answer string, err error) {
	pause := wayPause
	for try := 1; ; try++ {
		conn, in, answer, err = r.once(ctx, q)
		if err == nil || !errors.As(err, new(*BrokenError)) || try == wayTries || ctx.Err() != nil {
			return conn, in, answer, err
		}
		r.way.Doubt()
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return nil, nil, "", errors.Join(context.Cause(ctx), err)
		}
	}
}

func (r *Relay) once(ctx context.Context, q request) (conn net.Conn, in *bufio.Reader, answer string, err error) {
	if conn, err = r.way.Open(ctx); err != nil {
		return nil, nil, "", err
	}
	opened := conn // conn is set to nil by a return, which this may come after
	stop := context.AfterFunc(ctx, func() { _ = opened.Close() })
	in = bufio.NewReader(conn)
	var line string
	if _, err = conn.Write([]byte(q.String())); err == nil {
		line, err = readLine(in)
	}
	switch {
	case !stop(): // the context ended first, and the connection with it
		_ = conn.Close()
		return nil, nil, "", context.Cause(ctx)
	case err != nil:
		err = broken(err)
	default:
		answer, err = heard(line, q, r.env)
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, "", err
	}
	return conn, in, answer, nil
}
