package zone

import (
	"context"
	"slices"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

const (
	perQuestion = 2 * time.Second // how long one answer may take
	tries       = 3               // a datagram may be lost
	sideBySide  = 8               // connections to one server
	window      = 16              // questions that are under way on one connection
	datagram    = 1232            // bytes of an answer by UDP that pass every network
)

// question is one thing to ask.
type question struct {
	name string
	kind uint16
}

// asking is what one connection has to do with questions that several share.
type asking struct {
	questions []question
	answers   []*dns.Msg
	signed    bool
	next      <-chan int // those that nobody has asked yet
	most      int        // how many are under way at once

	waiting map[uint16]int // by ID, those that are under way
}

// ask puts questions to one server over "tcp" or "udp". The answers are in the order of the questions. signed asks for
// signatures too.
func ask(ctx context.Context, network string, s Server, questions []question, signed bool) ([]*dns.Msg, error) {
	answers := make([]*dns.Msg, len(questions))
	next := make(chan int, len(questions))
	for i := range questions {
		next <- i
	}
	close(next)
	at := max(1, min(window, (len(questions)+sideBySide-1)/sideBySide)) // few questions go side by side all the same
	group, ctx := errgroup.WithContext(ctx)
	for range min(sideBySide, len(questions)) {
		group.Go(func() error {
			l := line{client: &dns.Client{Net: network, Timeout: perQuestion, UDPSize: datagram}, to: s}
			defer l.hangUp()
			return l.askAll(ctx, &asking{questions: questions, answers: answers, signed: signed, next: next, most: at})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return answers, nil
}

// message is a question as it is asked.
func (q question) message(signed bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(q.name), q.kind)
	m.RecursionDesired = false
	m.SetEdns0(datagram, signed)
	return m
}

// answeredBy reports whether an answer is one to this question. Who does not understand a question may leave it out.
func (q question) answeredBy(m *dns.Msg) bool {
	return m.Response && (len(m.Question) == 0 || slices.ContainsFunc(m.Question, func(o dns.Question) bool {
		return o.Qtype == q.kind && canonical(o.Name) == canonical(q.name)
	}))
}

// Heard asks a server over "udp" or "tcp" for a zone's SOA, and is content with any answer: it is about the way there and back.
func Heard(ctx context.Context, s Server, network, zone string) error {
	_, err := ask(ctx, network, s, []question{{zone, dns.TypeSOA}}, false)
	return err
}
