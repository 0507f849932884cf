package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

const (
	hosts = 500 // names in one zone
	swaps = 6   // of all of them in one measurement, there and back in turn
	lines = 8   // connections to each server, as the product has

	nameRounds = 5

	patience = 20 * time.Second // of a floor: a busy machine is no reason to give up
)

// nameServers are a primary and a secondary of one zone, and the key that changes it.
type nameServers struct{ Primary, Secondary, Secret string }

// BenchmarkNames measures the swap of 500 names of one zone with the full read-back, from a BIND and a Knot that copies from
// it, against one bare update and one query for each name to each server: one after the other, and as many at once as the
// product asks; and against a bare update and all the queries of a full read-back, which are six for each name and server.
func BenchmarkNames(b *testing.B) {
	primary, secondary := nameservers(b)
	all := fmt.Sprintf("swap and read-back of %d names against a bare update and ", hosts)
	t := task{Zone: nameServers{primary.Addr, secondary.Addr, primary.Secret}}
	took := inTurn(b, t, "names", "serial names", "bare names", "every answer")
	compare(b, all+"one query a name and server", 1.3, took[0], took[1])
	compare(b, all+"as many queries, side by side", 1.3, took[0], took[2])
	compare(b, all+"the same queries, side by side", 1.3, took[0], took[3])
	t.Zone.Primary, t.Zone.Secondary = far(b, primary.Addr), far(b, secondary.Addr)
	took = inTurn(b, t, "names", "bare names")
	against(b, all+fmt.Sprintf("one query a name and server, side by side, %s away", 2*distance), 1.3, median(took[0].seconds), median(took[1].seconds), "s")
}

// inTurn does jobs one after the other, over and over, and prints all figures: the machine's other users are in them.
func inTurn(b *testing.B, t task, jobs ...string) []series {
	b.Helper()
	took := make([]series, len(jobs))
	for range nameRounds {
		for i, job := range jobs {
			t.Job = job
			took[i].add(run(b, t))
		}
	}
	for i, job := range jobs {
		fmt.Printf("%-12s %.2f s, CPU time %.2f s\n", job, took[i].seconds, took[i].cpu)
	}
	return took
}

func nameservers(b *testing.B) (primary, secondary *zonetest.Server) {
	b.Helper()
	var records strings.Builder
	for i := range hosts {
		fmt.Fprintf(&records, "host%d 60 IN A %s\n", i, places[1])
	}
	port := zonetest.FreePort(b, "127.0.0.1")
	primary = zonetest.Start(b, zonetest.BIND, zonetest.Records(records.String()), zonetest.Options{Notify: []string{fmt.Sprintf("127.0.0.1:%d", port)}})
	secondary = zonetest.Start(b, zonetest.Knot, "", zonetest.Options{Port: port, Primary: primary.Addr})
	return primary, secondary
}

// places is where the names lead in turn.
var places = []string{"198.51.100.20", "203.0.113.10"}

func hostNames() (all []string) {
	for i := range hosts {
		all = append(all, fmt.Sprintf("host%d.%s", i, zonetest.Zone))
	}
	return all
}

func leading(name, to string) zone.Set {
	return zone.Set{Name: name, Type: "A", TTL: 60, Data: []string{to}}
}

// turns lets write and read do their part for every swap. Between them both servers come to have the same, which costs who
// measures nothing: how long a transfer takes is the servers' affair.
func (n nameServers) turns(ctx context.Context, write, read func(from, to string) error) (took, error) {
	var all took
	for i := range swaps {
		to, from := places[i%2], places[(i+1)%2]
		watch := start()
		err := write(from, to)
		all.plus(watch.stop(hosts))
		if err == nil {
			err = n.settled(ctx)
		}
		watch = start()
		if err == nil {
			err = read(from, to)
		}
		all.plus(watch.stop(0))
		if err != nil {
			return took{}, err
		}
	}
	return all, nil
}

func (t *took) plus(o took) {
	t.Seconds, t.CPU, t.Count = t.Seconds+o.Seconds, t.CPU+o.CPU, t.Count+o.Count
}

// settled waits until both servers have the same version of the zone. It tells the secondary again and again, as whoever tells
// it once over UDP may not be heard.
func (n nameServers) settled(ctx context.Context) error {
	told := new(dns.Msg)
	told.SetNotify(dns.Fqdn(zonetest.Zone))
	for deadline := time.Now().Add(2 * patience); ; {
		one, err := serial(ctx, n.Primary)
		other, err2 := serial(ctx, n.Secondary)
		switch {
		case err != nil || err2 != nil:
			return errors.Join(err, err2)
		case one == other:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("the secondary has version %d of the zone and does not copy version %d", other, one)
		}
		time.Sleep(20 * time.Millisecond)
		_, _, _ = (&dns.Client{Timeout: time.Second}).ExchangeContext(ctx, told, n.Secondary) // a lost one is sent again
	}
}

func serial(ctx context.Context, at string) (uint32, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(zonetest.Zone), dns.TypeSOA)
	answer, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).ExchangeContext(ctx, m, at)
	if err != nil {
		return 0, err
	}
	for _, rr := range answer.Answer {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial, nil
		}
	}
	return 0, fmt.Errorf("%s has no SOA of %s", at, zonetest.Zone)
}

// namesSwap is what the product does.
func namesSwap(ctx context.Context, t task) (took, error) {
	z := &zone.Zone{
		Name: zonetest.Zone, Editor: rfc2136.New(zonetest.Zone, t.Zone.Primary, zonetest.Key, zonetest.Algorithm, t.Zone.Secret),
		Servers: func(context.Context) ([]zone.Server, error) {
			return []zone.Server{{Addr: t.Zone.Primary}, {Addr: t.Zone.Secondary}}, nil
		},
	}
	write := func(from, to string) error {
		var changes []zone.Change
		for _, name := range hostNames() {
			changes = append(changes, zone.Change{Name: name, Was: []zone.Set{leading(name, from)}, Want: []zone.Set{leading(name, to)}})
		}
		return zone.Swap(ctx, z.Editor, changes)
	}
	return t.Zone.turns(ctx, write, func(_, to string) error {
		want := zone.Names{}
		for _, name := range hostNames() {
			want[name] = []zone.Set{leading(name, to)}
		}
		readings, err := z.Read(ctx, hostNames())
		if err != nil {
			return err
		}
		if behind := zone.Behind(readings, want); len(behind) > 0 {
			return fmt.Errorf("not served: %.500s", behind)
		}
		return nil
	})
}
