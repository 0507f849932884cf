package zone

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// odd answers as some servers do.
type odd struct {
	mu   sync.Mutex
	held map[string][]*dns.Msg // by connection
	seen map[question]int
}

func (o *odd) say(w dns.ResponseWriter, m *dns.Msg) {
	r := new(dns.Msg).SetReply(m)
	r.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{fmt.Sprint(m.Question[0].Name, m.Question[0].Qtype)}}}
	_ = w.WriteMsg(r) // who did not get it says so
}

// backwards answers all that have come, the last one first.
func (o *odd) backwards(w dns.ResponseWriter, m *dns.Msg) {
	from := w.RemoteAddr().String()
	if o.held[from] = append(o.held[from], m); len(o.held[from]) > 1 {
		return
	}
	time.AfterFunc(5*time.Millisecond, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, m := range slices.Backward(o.held[from]) {
			o.say(w, m)
		}
		o.held[from] = nil
	})
}

func (o *odd) once(w dns.ResponseWriter, m *dns.Msg) {
	o.say(w, m)
	_ = w.Close()
}

func (o *odd) forged(w dns.ResponseWriter, m *dns.Msg) {
	other := m.Copy()
	other.Question[0].Name = "other.test."
	o.say(w, other)
	o.say(w, m)
}

// lost answers some questions only when they are asked again.
func (o *odd) lost(w dns.ResponseWriter, m *dns.Msg) {
	q := question{m.Question[0].Name, m.Question[0].Qtype}
	if o.seen[q]++; o.seen[q] > 1 || len(o.seen)%16 > 0 {
		o.say(w, m)
	}
}

// serve starts a server with one way to answer.
func (o *odd) serve(t *testing.T, network string, how func(dns.ResponseWriter, *dns.Msg)) Server {
	t.Helper()
	started := make(chan struct{})
	s := &dns.Server{Net: network, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		o.mu.Lock()
		defer o.mu.Unlock()
		how(w, m)
	})}
	var err error
	addr := ""
	if network == "tcp" {
		if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			addr = s.Listener.Addr().String()
		}
	} else if s.PacketConn, err = net.ListenPacket("udp", "127.0.0.1:0"); err == nil {
		addr = s.PacketConn.LocalAddr().String()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.ActivateAndServe() }() // ends with the test
	<-started
	t.Cleanup(func() { _ = s.Shutdown() })
	return Server{Addr: addr}
}

func TestEveryQuestionGetsItsOwnAnswerHoweverTheServerAnswers(t *testing.T) {
	var questions []question
	for i := range window * sideBySide / 2 { // on every connection as many as may be under way
		name := fmt.Sprintf("host%d.shop.test", i)
		questions = append(questions, question{name, dns.TypeA}, question{name, dns.TypeHTTPS})
	}
	for _, c := range []struct {
		about, network string
		how            func(*odd, dns.ResponseWriter, *dns.Msg)
	}{
		{"in order", "tcp", (*odd).say},
		{"by datagrams", "udp", (*odd).say},
		{"the last first", "tcp", (*odd).backwards},
		{"one a connection", "tcp", (*odd).once},
		{"a forged one first", "udp", (*odd).forged},
		{"some are lost", "udp", (*odd).lost},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			o := &odd{held: map[string][]*dns.Msg{}, seen: map[question]int{}}
			s := o.serve(t, c.network, func(w dns.ResponseWriter, m *dns.Msg) { c.how(o, w, m) })
			answers, err := ask(t.Context(), c.network, s, questions, false)
			if err != nil {
				t.Fatal(err)
			}
			for i, q := range questions {
				if txt := answers[i].Answer[0].(*dns.TXT).Txt[0]; txt != fmt.Sprint(q.name+".", q.kind) {
					t.Errorf("%v is answered with %q", q, txt)
				}
			}
		})
	}
}
