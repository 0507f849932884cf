package zonetest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/zone"
)

// Book answers by DNS what was published last: the name server behind a double of a provider's API. It knows wildcards and
// follows aliases within the zone; it neither signs nor takes updates, and delegates nothing.
type Book struct {
	Addr string // host:port, UDP and TCP

	mu      sync.Mutex
	records []dns.RR
}

// Open starts a book, which ends with the test.
func Open(t testing.TB, records []dns.RR) *Book {
	t.Helper()
	b := &Book{Addr: net.JoinHostPort("127.0.0.1", fmt.Sprint(FreePort(t, "127.0.0.1"))), records: records}
	for _, network := range []string{"udp", "tcp"} {
		started, ended := make(chan struct{}), make(chan error, 1)
		s := &dns.Server{Addr: b.Addr, Net: network, Handler: dns.HandlerFunc(b.answer), NotifyStartedFunc: func() { close(started) }}
		go func() { ended <- s.ListenAndServe() }()
		select {
		case <-started:
		case err := <-ended:
			t.Fatalf("answer over %s: %v", network, err)
		}
		t.Cleanup(func() { _ = s.Shutdown() }) // nothing depends on its end
	}
	return b
}

// Parse reads lines of a zone file with names relative to Zone, behind the SOA and NS records that every zone here has.
func Parse(t testing.TB, records Records) []dns.RR {
	t.Helper()
	var all []dns.RR
	parser := dns.NewZoneParser(strings.NewReader(header(Zone)+string(records)), "", "")
	for rr, more := parser.Next(); more; rr, more = parser.Next() {
		all = append(all, rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Publish replaces all records, the SOA and NS ones included.
func (b *Book) Publish(records []dns.RR) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = records
}

// Servers is the zone.Zone.Servers of the book.
func (b *Book) Servers(context.Context) ([]zone.Server, error) {
	return []zone.Server{{Addr: b.Addr}}, nil
}

func (b *Book) answer(w dns.ResponseWriter, m *dns.Msg) {
	b.mu.Lock()
	records := b.records
	b.mu.Unlock()
	reply := new(dns.Msg)
	reply.SetReply(m)
	reply.Authoritative = true
	q := m.Question[0]
	name := strings.ToLower(q.Name)
	for range 8 {
		own, exists := owned(records, name)
		if !exists && reply.Answer == nil {
			reply.Rcode = dns.RcodeNameError
		}
		alias := ""
		for _, rr := range own {
			if kind := rr.Header().Rrtype; kind == q.Qtype || kind == dns.TypeCNAME {
				reply.Answer = append(reply.Answer, rr)
				if cname, is := rr.(*dns.CNAME); is && q.Qtype != dns.TypeCNAME {
					alias = strings.ToLower(cname.Target)
				}
			}
		}
		if name = alias; name == "" {
			break
		}
	}
	size := dns.MaxMsgSize
	if w.LocalAddr().Network() == "udp" {
		size = dns.MinMsgSize
		if o := m.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
	}
	reply.Truncate(size)
	_ = w.WriteMsg(reply) // who asked asks again
}

// owned is what a name has, a wildcard's made its own (RFC 4592).
func owned(records []dns.RR, name string) (own []dns.RR, exists bool) {
	for at, first := name, true; at != "" && at != "."; first = false {
		var here []dns.RR
		for _, rr := range records {
			owner := strings.ToLower(rr.Header().Name)
			exists = exists || owner == at || strings.HasSuffix(owner, "."+at)
			switch {
			case first && owner == at:
				own = append(own, rr)
			case !first && owner == "*."+at:
				synthesized := dns.Copy(rr)
				synthesized.Header().Name = name
				here = append(here, synthesized)
			}
		}
		if exists {
			return slices.Concat(own, here), first || len(here) > 0
		}
		_, at, _ = strings.Cut(at, ".")
	}
	return nil, false
}
