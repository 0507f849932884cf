package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// floorNames is the barest program for it: one update without prerequisites, and one query over UDP for each name to each
// server, on so many connections to each; with one alone, one server after the other.
func floorNames(atOnce int) func(context.Context, task) (took, error) {
	return func(ctx context.Context, t task) (took, error) {
		return t.Zone.turns(ctx, t.Zone.update, func(_, to string) error {
			var group errgroup.Group
			if atOnce == 1 {
				group.SetLimit(1)
			}
			for _, at := range []string{t.Zone.Primary, t.Zone.Secondary} {
				group.Go(func() error { return asked(at, "udp", []uint16{dns.TypeA}, to, atOnce) })
			}
			return group.Wait()
		})
	}
}

// floorEvery asks what the product asks: every type, over UDP and over TCP.
func floorEvery(ctx context.Context, t task) (took, error) {
	return t.Zone.turns(ctx, t.Zone.update, func(_, to string) error {
		var group errgroup.Group
		for _, at := range []string{t.Zone.Primary, t.Zone.Secondary} {
			group.Go(func() error {
				kinds := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS}
				return errors.Join(asked(at, "udp", kinds, to, lines), asked(at, "tcp", kinds, to, lines))
			})
		}
		return group.Wait()
	})
}

func (n nameServers) update(_, to string) error {
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zonetest.Zone))
	m.Compress = true
	for _, name := range hostNames() {
		rr, err := zone.Records(leading(name, to))
		if err != nil {
			return err
		}
		m.RemoveRRset(rr)
		m.Insert(rr)
	}
	m.SetTsig(zonetest.Key, zonetest.Algorithm+".", 300, time.Now().Unix())
	answer, _, err := (&dns.Client{Net: "tcp", TsigSecret: map[string]string{zonetest.Key: n.Secret}}).Exchange(m, n.Primary)
	if err == nil && answer.Rcode != dns.RcodeSuccess {
		err = fmt.Errorf("update: %s", dns.RcodeToString[answer.Rcode])
	}
	return err
}

// asked puts one question for each name and type to a server, on so many connections, and wants the address in the answer to
// the first type.
func asked(at, network string, kinds []uint16, want string, atOnce int) error {
	var group errgroup.Group
	for part := range slices.Chunk(hostNames(), (hosts+atOnce-1)/atOnce) {
		group.Go(func() error {
			client := &dns.Client{Net: network, Timeout: patience}
			conn, err := client.Dial(at)
			if err != nil {
				return err
			}
			defer conn.Close()
			for _, name := range part {
				for _, kind := range kinds {
					m := new(dns.Msg)
					m.SetQuestion(dns.Fqdn(name), kind)
					answer, _, err := client.ExchangeWithConn(m, conn)
					if err != nil {
						return err
					}
					if kind != dns.TypeA {
						continue
					}
					if a, ok := answer.Answer[0].(*dns.A); !ok || a.A.String() != want {
						return fmt.Errorf("%s is %v, want %s", name, answer.Answer, want)
					}
				}
			}
			return nil
		})
	}
	return group.Wait()
}
