package reach

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// Frames let an end that a destination made be told from a way that broke off: two bytes of length, then as many bytes.
const (
	frameEnd   = 0      // no more comes in this direction
	frameReset = 0xffff // the connection behind it was reset
	maxFrame   = 32 << 10
)

// framed is a connection inside frames.
type framed struct {
	net.Conn
	local, remote net.Addr

	in    *bufio.Reader
	left  int   // of the frame that is being read
	over  error // what every later Read says
	write sync.Mutex
	dead  error // what every later Write says

	closed atomic.Bool
}

func newFramed(conn net.Conn, in *bufio.Reader, local, remote net.Addr) *framed {
	return &framed{Conn: conn, in: in, local: local, remote: remote}
}

// Close drops what is under way in both directions.
func (f *framed) Close() error {
	f.closed.Store(true)
	return f.Conn.Close()
}

// why tells what we did to the stream ourselves from what was done to it.
func (f *framed) why(err error) error {
	if err != nil && f.closed.Load() {
		return net.ErrClosed
	}
	return broken(err)
}

func (f *framed) LocalAddr() net.Addr  { return f.local }
func (f *framed) RemoteAddr() net.Addr { return f.remote }

// Read is io.EOF only where the other side said that nothing more comes.
func (f *framed) Read(b []byte) (int, error) {
	if f.over != nil {
		return 0, f.over
	}
	if len(b) == 0 {
		return 0, nil
	}
	for f.left == 0 {
		head, err := f.in.Peek(2) // a deadline in the middle of it loses nothing
		if err != nil {
			return 0, f.why(err)
		}
		size := int(binary.BigEndian.Uint16(head))
		_, _ = f.in.Discard(2) // they were peeked
		switch {
		case size == frameEnd:
			f.over = io.EOF
			return 0, f.over
		case size == frameReset:
			f.over = &net.OpError{Op: "read", Net: netTCP, Addr: f.remote, Err: syscall.ECONNRESET}
			return 0, f.over
		}
		f.left = size
	}
	n, err := f.in.Read(b[:min(len(b), f.left)])
	f.left -= n
	return n, f.why(err)
}

func (f *framed) Write(b []byte) (sent int, err error) {
	f.write.Lock()
	defer f.write.Unlock()
	for len(b) > 0 {
		part := b[:min(len(b), maxFrame)]
		if err := f.send(len(part), part); err != nil {
			return sent, err
		}
		sent, b = sent+len(part), b[len(part):]
	}
	return sent, nil
}

// send writes a whole frame. After half a one nothing that follows could be understood.
func (f *framed) send(head int, part []byte) error {
	if f.dead != nil {
		return f.dead
	}
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(part)), uint16(head)) //nolint:gosec // at most maxFrame
	if _, err := f.Conn.Write(append(frame, part...)); err != nil {
		f.dead = f.why(err)
	}
	return f.dead
}

// CloseWrite says that nothing more comes.
func (f *framed) CloseWrite() error { return f.finish(frameEnd) }

// reset says that the connection behind it was reset.
func (f *framed) reset() error { return f.finish(frameReset) }

func (f *framed) finish(how int) error {
	f.write.Lock()
	defer f.write.Unlock()
	return f.send(how, nil)
}
