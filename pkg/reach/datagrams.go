package reach

import (
	"encoding/binary"
	"io"
	"net"
)

const maxMessage = 64 << 10 // bytes of a message of DNS

// datagrams sends what comes on a stream, each message behind two bytes of its length, on as datagrams, and back. A datagram
// that is lost is lost: who asked asks again.
func datagrams(near *framed, out net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		message := make([]byte, maxMessage)
		for {
			n, err := out.Read(message[2:])
			if err != nil { // closed, or the port is closed: then a read or write says so
				_ = near.reset()
				return
			}
			binary.BigEndian.PutUint16(message, uint16(n)) //nolint:gosec // a datagram is smaller
			if _, err := near.Write(message[:2+n]); err != nil {
				return
			}
		}
	}()
	message := make([]byte, maxMessage)
	for {
		if _, err := io.ReadFull(near, message[:2]); err != nil {
			break
		}
		n := int(binary.BigEndian.Uint16(message))
		if _, err := io.ReadFull(near, message[:n]); err != nil {
			break
		}
		if _, err := out.Write(message[:n]); err != nil {
			break
		}
	}
	_ = out.Close() // ends the other way too
	<-done
}
