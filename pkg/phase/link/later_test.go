package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"cutover.dev/cutover/pkg/reach"
)

// later is a network that fails only after some dials, or when many bytes are sent.
type later struct {
	*network
	after int32
	dials *atomic.Int32
	dial  error
	write error
}

// before is how many dials come before that for many bytes: for the path itself, and for a few bytes.
const before = attempts + 1

func (l later) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if l.dials.Add(1) > l.after && l.dial != nil {
		return nil, l.dial
	}
	conn, err := l.network.DialContext(ctx, network, addr)
	return failing{conn, l.write}, err
}

type failing struct {
	net.Conn
	err error
}

func (f failing) Write(p []byte) (int, error) {
	if len(p) > 1400 && f.err != nil {
		return 0, f.err
	}
	return f.Conn.Write(p)
}

// Only who closes early shows nothing of large packets: else what was not seen would pass for seen.
func TestWhatKeepsManyBytesFromBeingAskedIsNoYes(t *testing.T) {
	n := &network{}
	n.put("10.0.0.1:80", served(t))
	n.put("10.0.0.2:80", behaves(t, impatient))
	path := func(addr string) Path { return Path{What: Tail, From: "old", To: addr, http: true} }
	for name, l := range map[string]later{
		"the relay breaks":           {write: &reach.BrokenError{Err: io.ErrUnexpectedEOF}},
		"the relay breaks in a dial": {dial: &reach.BrokenError{Err: io.ErrUnexpectedEOF}},
		"the dial is refused":        {dial: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}},
		"the context ended":          {write: net.ErrClosed},
		"something nobody foresaw":   {write: errors.New("what")},
	} {
		l.network, l.after, l.dials = n, before, new(atomic.Int32)
		if r := dial(t.Context(), l, path("10.0.0.1:80"), "link.test"); r.State != Unsure || r.err == nil {
			t.Errorf("%s: %+v", name, r)
		}
		if got := l.dials.Load(); got != before+1 {
			t.Errorf("%s: %d dials: the test means the last one", name, got)
		}
	}
	if r := dial(t.Context(), n, path("10.0.0.2:80"), "link.test"); r.State != Open || r.Large {
		t.Errorf("closed early: %+v", r)
	}
	var large atomic.Int32
	n.put("10.0.0.3:80", behaves(t, func(conn net.Conn) { // answers so soon that two answers of three are lost
		if got, err := conn.Read(make([]byte, 1400)); err != nil || got == 1400 && large.Add(1) < attempts {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	}))
	if r := dial(t.Context(), n, path("10.0.0.3:80"), "link.test"); r.State != Open || !r.Large {
		t.Errorf("closed early at first: %+v", r)
	}
}

// Behind a load balancer some backends may answer and others not: one that does is no proof of the path.
func TestAPathHoldsOnlyIfEveryConnectionComesAbout(t *testing.T) {
	n := &network{}
	n.put("10.0.0.1:80", served(t))
	for state, err := range map[string]error{
		Refused:  &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		TimedOut: dropped(),
		Unsure:   &reach.BrokenError{Err: io.ErrUnexpectedEOF},
	} {
		for after := range int32(attempts) {
			l := later{network: n, after: after, dials: new(atomic.Int32), dial: err}
			row := dial(t.Context(), l, Path{What: Tail, From: "old", To: "10.0.0.1:80", http: true}, "link.test")
			if row.State != state || row.Holds() || strings.Contains(row.Why, fmt.Sprintf("connection %d of 3", after+1)) != (after > 0) {
				t.Errorf("%s after %d: %+v", state, after, row)
			}
			r := tabled(Ranges{}, Ranges{}, row).rows[row.ID()][0]
			if state != Unsure && (r.reached() != (after > 0 || state == Refused) || (r.Rule != "") != (after == 0)) { // a firewall lets all or none through
				t.Errorf("%s after %d: %+v", state, after, r)
			}
		}
	}
}
