package reach_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
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
