package names

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Record is where a name leads, and for how many seconds that may be kept.
type Record struct {
	Address netip.Addr
	TTL     uint32
}

// Ask asks this server for the address of a host.
func (s Server) Ask(ctx context.Context, host string) (Record, error) {
	answer, err := s.query(ctx, host, dnsmessage.TypeA)
	if err != nil {
		return Record{}, err
	}
	for _, r := range answer.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			return Record{netip.AddrFrom4(a.A), r.Header.TTL}, nil
		}
	}
	return Record{}, fmt.Errorf("ask %s for %s: no address (%s)", s.Name, host, answer.RCode)
}

// Serial asks this server for the serial of a zone, which is one more after each change.
func (s Server) Serial(ctx context.Context, zone string) (uint32, error) {
	answer, err := s.query(ctx, zone, dnsmessage.TypeSOA)
	if err != nil {
		return 0, err
	}
	for _, r := range answer.Answers {
		if soa, ok := r.Body.(*dnsmessage.SOAResource); ok {
			return soa.Serial, nil
		}
	}
	return 0, fmt.Errorf("ask %s for zone %s: no serial (%s)", s.Name, zone, answer.RCode)
}

// query asks for the records of one type.
func (s Server) query(ctx context.Context, host string, kind dnsmessage.Type) (dnsmessage.Message, error) {
	name, err := dnsmessage.NewName(host + ".")
	if err != nil {
		return dnsmessage.Message{}, fmt.Errorf("ask for %q: %w", host, err)
	}
	query, err := (&dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(time.Now().UnixNano()), RecursionDesired: true}, //nolint:gosec // any will do
		Questions: []dnsmessage.Question{{Name: name, Type: kind, Class: dnsmessage.ClassINET}},
	}).Pack()
	if err != nil {
		return dnsmessage.Message{}, fmt.Errorf("ask for %s: %w", host, err)
	}
	answer, err := s.exchange(ctx, query)
	if err != nil {
		return answer, fmt.Errorf("ask %s for %s: %w", s.Name, host, err)
	}
	return answer, nil
}

func (s Server) exchange(ctx context.Context, query []byte) (m dnsmessage.Message, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", s.At())
	if err != nil {
		return m, err
	}
	defer conn.Close()
	until, set := ctx.Deadline()
	if soon := time.Now().Add(2 * time.Second); !set || until.After(soon) {
		until = soon
	}
	buffer := make([]byte, 1500)
	if err := conn.SetDeadline(until); err != nil {
		return m, err
	}
	if _, err := conn.Write(query); err != nil {
		return m, err
	}
	n, err := conn.Read(buffer)
	if err != nil {
		return m, err
	}
	if err := m.Unpack(buffer[:n]); err != nil {
		return m, err
	}
	if !m.Response || m.ID != uint16(query[0])<<8|uint16(query[1]) {
		return m, errors.New("the answer is to something else")
	}
	return m, nil
}

// Spread is how long name servers disagreed while all names were led elsewhere.
type Spread struct {
	First, Last time.Time // when one server first had one name there, and when all had all
}

// Watch asks both name servers for a host of every zone until all of them lead to an address, or ctx ends.
func Watch(ctx context.Context, to string) (s Spread) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		there, all := 0, 0
		for _, z := range Zones() {
			for _, server := range []Server{Primary, Secondary} {
				all++
				if r, err := server.Ask(ctx, z.Hosts[0]); err == nil && r.Address.String() == to {
					there++
				}
			}
		}
		if there > 0 && s.First.IsZero() {
			s.First = time.Now()
		}
		if there == all {
			s.Last = time.Now()
			return s
		}
		select {
		case <-ctx.Done():
			return s
		case <-tick.C:
		}
	}
}

// Longest is the longest TTL of a host at the primary.
func Longest(ctx context.Context) (most uint32, err error) {
	for _, z := range Zones() {
		for _, host := range z.Hosts {
			r, err := Primary.Ask(ctx, host)
			if err != nil {
				return 0, err
			}
			most = max(most, r.TTL)
		}
	}
	return most, nil
}
