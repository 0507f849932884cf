package zone

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"
)

// line is one connection to a server, made anew when it breaks.
type line struct {
	client *dns.Client
	to     Server
	conn   *dns.Conn
	in     *bufio.Reader // of a stream, else nil
}

// askAll asks as long as there is something to ask. What has no answer, since the connection broke or a datagram was lost, is
// asked one by one.
func (l *line) askAll(ctx context.Context, a *asking) error {
	for {
		a.waiting = map[uint16]int{}
		last := l.keep(ctx, a)
		if last == nil {
			return nil
		}
		l.hangUp() // what comes late must not be taken for an answer to the next
		for _, i := range a.waiting {
			if ctx.Err() != nil {
				return errors.Join(context.Cause(ctx), last)
			}
			var err error
			if a.answers[i], err = l.ask(ctx, a.questions[i].message(a.signed), tries-1); err != nil {
				return err
			}
		}
	}
}

// keep has so many questions under way until there are no more: a long way is gone once for all of them. The next ones go out
// as soon as there is an answer, and with them the word that it arrived, for which some servers wait before they send the next.
func (l *line) keep(ctx context.Context, a *asking) error {
	if len(a.next) == 0 {
		return nil
	}
	failed := l.open(ctx) // then what is taken is asked one by one
	for {
		if err := l.send(a, failed); err != nil || len(a.waiting) == 0 {
			return err
		}
		l.within(ctx)
		if b, stream := l.conn.Conn.(*buffered); stream && len(a.next) == 0 {
			hurry(b.Conn)
		}
		if err := l.receive(a); err != nil {
			return err
		}
	}
}

// receive reads at least one answer, and all that have come with it. The answers come in any order.
func (l *line) receive(a *asking) error {
	for got := false; !got || l.in != nil && l.in.Buffered() > 0; {
		m, err := l.conn.ReadMsg()
		if err != nil {
			return err
		}
		if i, asked := a.waiting[m.Id]; asked && a.questions[i].answeredBy(m) { // else of an earlier one, or forged
			a.answers[i], got = m, true
			delete(a.waiting, m.Id)
		}
	}
	return nil
}

// send sends as many as may be under way. On a stream all of them are one write.
func (l *line) send(a *asking, failed error) error {
	var stream []byte
	for len(a.waiting) < a.most {
		i, more := <-a.next
		if !more {
			break
		}
		m := a.questions[i].message(a.signed)
		for _, taken := a.waiting[m.Id]; taken; _, taken = a.waiting[m.Id] {
			m.Id = dns.Id()
		}
		a.waiting[m.Id] = i
		text, err := m.Pack()
		if err = errors.Join(failed, err); err != nil {
			return err
		}
		if l.in != nil {
			stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(text))), text...) //nolint:gosec // a question is short
		} else if _, err := l.conn.Conn.Write(text); err != nil {
			return err
		}
	}
	if len(stream) == 0 {
		return nil
	}
	_, err := l.conn.Conn.Write(stream)
	return err
}

// within gives the next answer its time.
func (l *line) within(ctx context.Context) {
	by := time.Now().Add(perQuestion)
	if end, ends := ctx.Deadline(); ends && end.Before(by) {
		by = end
	}
	_ = l.conn.SetDeadline(by) // a connection that has none to set fails when it is used
}

// ask asks one question until it is answered, so many times at most.
func (l *line) ask(ctx context.Context, m *dns.Msg, times int) (*dns.Msg, error) {
	var last error
	for range times {
		answer, err := l.once(ctx, m)
		if err == nil {
			return answer, nil
		}
		l.hangUp()
		if last = err; ctx.Err() != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
	}
	q := m.Question[0]
	return nil, fmt.Errorf("ask %s for %s %s over %s: %w", l.to.Addr, canonical(q.Name), dns.TypeToString[q.Qtype], l.client.Net, last)
}

func (l *line) once(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	m.Id = dns.Id()
	answer, _, err := l.client.ExchangeWithConnContext(ctx, m, l.conn)
	return answer, err
}

// open dials unless there is a connection.
func (l *line) open(ctx context.Context) error {
	if l.conn != nil {
		return nil
	}
	conn, err := l.dial(ctx)
	if err != nil {
		return err
	}
	l.in = nil
	if _, packets := conn.Conn.(net.PacketConn); !packets {
		l.in = bufio.NewReader(conn.Conn)
		conn.Conn = &buffered{conn.Conn, l.in}
	}
	conn.UDPSize = datagram
	l.conn = conn
	return nil
}

// buffered is a connection whose answers are read as many at once as have come.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

func (l *line) dial(ctx context.Context) (*dns.Conn, error) {
	if l.to.By == nil {
		return l.client.DialContext(ctx, l.to.Addr)
	}
	return Through(ctx, l.to.By, l.client.Net, l.to.Addr, perQuestion)
}

// Through opens a connection for messages by a Dialer.
func Through(ctx context.Context, by Dialer, network, addr string, within time.Duration) (*dns.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn, err := by.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &dns.Conn{Conn: conn}, nil
}

func (l *line) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close() // nothing more is expected from it
		l.conn = nil
	}
}
