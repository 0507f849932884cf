package zone

import (
	"net"
	"syscall"
)

// hurry says at once what has arrived. A server that waits for that before it sends the next answer would wait for 40 ms, since
// there is no question any more that says it.
func hurry(conn net.Conn) {
	s, ok := conn.(syscall.Conn)
	if !ok {
		return // it is a stream within another one
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return // closed: who reads sees it
	}
	_ = raw.Control(func(fd uintptr) { // without it all takes longer, and that is all
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
