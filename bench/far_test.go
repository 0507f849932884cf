package bench

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/zone/zonetest"
)

// distance is what a packet takes from one end to the other where servers are far: no name server that matters is on loopback.
const distance = 5 * time.Millisecond

// far is an address from which everything goes on to a name server, and back, a distance later.
func far(b *testing.B, to string) string {
	b.Helper()
	at := fmt.Sprintf("127.0.0.1:%d", zonetest.FreePort(b, "127.0.0.1"))
	l, err := net.Listen("tcp", at)
	packets, err2 := net.ListenPacket("udp", at)
	if err := errors.Join(err, err2); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = l.Close(), packets.Close() }) // ends what reads from them
	go farStreams(l, to)
	go farPackets(packets, to)
	return at
}

func farStreams(l net.Listener, to string) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			time.Sleep(distance)
			there, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				return
			}
			go late(near, there)
			late(there, near)
		}()
	}
}

// late copies until one end is closed, and then closes both.
func late(to, from net.Conn) {
	type part struct {
		text []byte
		due  time.Time
	}
	parts := make(chan part, 1024)
	go func() {
		for p := range parts {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.text) // if it is closed, so is the other soon
		}
		_, _ = to.Close(), from.Close()
	}()
	defer close(parts)
	for {
		text := make([]byte, 64<<10)
		n, err := from.Read(text)
		if err != nil {
			return
		}
		parts <- part{text[:n], time.Now().Add(distance)}
	}
}

// farPackets has a socket of its own for each client.
func farPackets(l net.PacketConn, to string) {
	there := map[string]net.Conn{}
	for {
		text := make([]byte, 4<<10)
		n, client, err := l.ReadFrom(text)
		if err != nil {
			break
		}
		conn := there[client.String()]
		if conn == nil {
			if conn, err = net.Dial("udp", to); err != nil {
				continue // lost
			}
			there[client.String()] = conn
			go func() {
				for {
					text := make([]byte, 4<<10)
					n, err := conn.Read(text)
					if errors.Is(err, net.ErrClosed) {
						return
					}
					time.AfterFunc(distance, func() { _, _ = l.WriteTo(text[:n], client) })
				}
			}()
		}
		time.AfterFunc(distance, func() { _, _ = conn.Write(text[:n]) })
	}
	for _, conn := range there {
		_ = conn.Close()
	}
}
