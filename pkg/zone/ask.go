package zone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

const (
	perQuestion = 2 * time.Second // how long one answer may take
	tries       = 3               // a datagram may be lost
	sideBySide  = 8               // connections to one server
	datagram    = 1232            // bytes of an answer by UDP that pass every network
)

// question is one thing to ask.
type question struct {
	name string
	kind uint16
}

// ask puts questions to one server over "tcp" or "udp". The answers are in the order of the questions. signed asks for
// signatures too.
func ask(ctx context.Context, network string, s Server, questions []question, signed bool) ([]*dns.Msg, error) {
	answers := make([]*dns.Msg, len(questions))
	next := make(chan int)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(next)
		for i := range questions {
			select {
			case next <- i:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range min(sideBySide, len(questions)) {
		group.Go(func() error {
			l := line{client: &dns.Client{Net: network, Timeout: perQuestion, UDPSize: datagram}, to: s}
			defer l.hangUp()
			for i := range next {
				var err error
				if answers[i], err = l.ask(ctx, questions[i], signed); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return answers, nil
}

// line is one connection to a server, made anew when it breaks.
type line struct {
	client *dns.Client
	to     Server
	conn   *dns.Conn
}

func (l *line) ask(ctx context.Context, q question, signed bool) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(q.name), q.kind)
	m.RecursionDesired = false
	m.SetEdns0(datagram, signed)
	var last error
	for range tries {
		answer, err := l.once(ctx, m)
		if err == nil {
			return answer, nil
		}
		l.hangUp()
		if last = err; ctx.Err() != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
	}
	return nil, fmt.Errorf("ask %s for %s %s over %s: %w", l.to.Addr, q.name, dns.TypeToString[q.kind], l.client.Net, last)
}

func (l *line) once(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	if l.conn == nil {
		conn, err := l.dial(ctx)
		if err != nil {
			return nil, err
		}
		l.conn = conn
	}
	m.Id = dns.Id()
	answer, _, err := l.client.ExchangeWithConnContext(ctx, m, l.conn)
	return answer, err
}

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
