package zone

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/miekg/dns"
)

// Server is one address of a name server that answers for a zone.
type Server struct {
	Name string // "" where the plan gives only the address
	Addr string // host:port
	By   Dialer // who asks it; nil: this process
}

// Dialer opens connections over "tcp" and "udp". One over "udp" may also be a stream, on which messages go as over TCP.
type Dialer interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

func (s Server) String() string {
	if s.Name == "" {
		return s.Addr
	}
	return s.Name + " (" + s.Addr + ")"
}

// Answer is what one server says of one name.
type Answer struct {
	Sets      []Set    // of the name itself, or of a wildcard above it
	Addresses []string // where the answer leads, aliases followed as far as the server knows them
	Longest   uint32   // the longest TTL of the whole chain, seconds
}

// asked are the questions for one name. An alias is in the answer to each of them.
var asked = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS}

// Ask asks one server over "tcp" or "udp" for what it serves under each name. A server that does not answer for a name with
// authority is an error.
func Ask(ctx context.Context, s Server, network string, names []string) (map[string]Answer, error) {
	var questions []question
	for _, name := range names {
		for _, kind := range asked {
			questions = append(questions, question{name, kind})
		}
	}
	answers, err := ask(ctx, network, s, questions, false)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Answer, len(names))
	for i, m := range answers {
		name := questions[i].name
		if m.Truncated && network == "udp" {
			continue // it says to ask over TCP, which is done anyway
		}
		if err := authority(m); err != nil {
			return nil, fmt.Errorf("%s, asked for %s over %s, %w", s, name, network, err)
		}
		out[name] = out[name].with(name, m.Answer)
	}
	return out, nil
}

// authority says why an answer does not count.
func authority(m *dns.Msg) error {
	switch {
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return fmt.Errorf("says %s", dns.RcodeToString[m.Rcode])
	case !m.Authoritative:
		return fmt.Errorf("does not answer with authority: the name is in a zone of its own, or the server is not one of this zone")
	}
	return nil
}

func (a Answer) with(name string, records []dns.RR) Answer {
	for _, rr := range records {
		a.Longest = max(a.Longest, rr.Header().Ttl)
	}
	for _, s := range Sets(records) {
		if s.Type == "A" || s.Type == "AAAA" {
			for _, d := range s.Data {
				if !slices.Contains(a.Addresses, d) {
					a.Addresses = append(a.Addresses, d)
				}
			}
		}
		if _, known := Typed(a.Sets, s.Type); s.Name == canonical(name) && !known {
			a.Sets = append(a.Sets, s)
		}
	}
	return a
}
