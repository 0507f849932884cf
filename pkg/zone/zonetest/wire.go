package zonetest

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/miekg/dns"
)

// Wire is the way to a name server over TCP alone, on which something can happen around an update that changes records. Who is
// told that it is to break hears no more.
type Wire struct {
	Addr string // host:port

	Asked    func() (breaks bool) // such an update has come, and the server has not seen it; nil: nothing happens
	Answered func() (breaks bool) // the server has answered it, and who asked has not heard
}

// Lay lays a wire to a server, at an address of its own on ip. It ends with the test.
func (w *Wire) Lay(t testing.TB, ip string, to *Server) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // who is on it then has ended
	w.Addr = l.Addr().String()
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(from, to.Addr)
		}
	}()
	return w
}

// carry takes one message there and its answer back, again and again: nobody here asks twice at once.
func (w *Wire) carry(from net.Conn, addr string) {
	defer from.Close() //nolint:errcheck // a test
	to, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer to.Close() //nolint:errcheck // likewise
	for {
		m, err := message(from)
		if err != nil || changes(m) && w.Asked != nil && w.Asked() {
			return
		}
		if _, err = to.Write(m); err != nil {
			return
		}
		answer, err := message(to)
		if err != nil || changes(m) && w.Answered != nil && w.Answered() {
			return
		}
		if _, err = from.Write(answer); err != nil {
			return
		}
	}
}

// message is one, with its length before it.
func message(from io.Reader) ([]byte, error) {
	m := make([]byte, 2)
	if _, err := io.ReadFull(from, m); err != nil {
		return nil, err
	}
	m = append(m, make([]byte, binary.BigEndian.Uint16(m))...)
	_, err := io.ReadFull(from, m[2:])
	return m, err
}

// changes reports whether it is an update whose update section has anything in it (RFC 2136, section 2).
func changes(m []byte) bool {
	return len(m) >= 14 && int(m[4]>>3&15) == dns.OpcodeUpdate && binary.BigEndian.Uint16(m[10:]) > 0
}
