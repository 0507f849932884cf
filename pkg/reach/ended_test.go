package reach_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"

	"cutover.dev/cutover/pkg/reach"
)

// ended is a way, and its only stream, on which the run ends while it waits for the relay's answer.
type ended struct {
	net.Conn
	end    func()
	closed chan struct{}
}

func (e *ended) Open(context.Context) (net.Conn, error) { return e, nil }
func (e *ended) Doubt()                                 {}
func (e *ended) Write(b []byte) (int, error)            { return len(b), nil }
func (e *ended) Read([]byte) (int, error)               { e.end(); return 0, io.EOF }
func (e *ended) Close() error                           { e.closed <- struct{}{}; return nil }

// What closes the stream of a dial that is ended may come to it only after the dial has returned.
func TestARunThatEndsDuringADialIsNoPanic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that it does come later
	ctx, cancel := context.WithCancel(t.Context())
	e := &ended{end: cancel, closed: make(chan struct{}, 2)}
	conn, err := reach.NewRelay("old", token, e).DialContext(ctx, "tcp", "192.0.2.1:80")
	if conn != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v %v", conn, err)
	}
	<-e.closed // by the dial
	<-e.closed // by the end of the run
}

// Of what somebody sends to a destination that has gone nothing may be left on the way: there it would hold others up.
func TestARelayReadsAllThatIsSentToADestinationThatHasGone(t *testing.T) {
	addr := destination(t, func(c *net.TCPConn) { _ = c.SetLinger(0) })
	relay, way := relayed(t, "tcp/"+addr)
	conn := dial(t, relay, "tcp", addr)
	defer conn.Close() //nolint:errcheck // a test
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("the destination has gone: %v", err)
	}
	for range 200 { // more than the buffers in between take
		if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
			t.Fatalf("the relay has hung up: %v", err)
		}
	}
	way.cut()
}
