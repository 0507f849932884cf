package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"time"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// Of each round, on each way.
const (
	keptAsks  = 25
	freshAsks = 15
)

// way is how a request gets to a workload, and what shows that it did.
type way struct {
	name     string
	entry    string // address and port
	workload string
	cluster  string // who has to answer
	via      string // the marker that the answer has to carry
	kept     *http.Client
	fresh    *http.Client

	times map[bool][]time.Duration // fresh or not
}

// ways makes clients.
type ways struct{ roots *x509.CertPool }

func (m *measuring) ways() (ways, error) {
	roots, err := rehearse.Roots(m.world)
	return ways{roots}, err
}

func (w ways) way(name string, at, from world.Cluster, workload, via string) *way {
	return w.to(way{name: name, entry: at.Entry + ":443", workload: workload, cluster: from.Name, via: via})
}

func (w ways) to(one way) *way {
	client := func(fresh bool) *http.Client {
		return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
			DisableKeepAlives: fresh, DisableCompression: true, MaxConnsPerHost: 1,
			TLSClientConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, one.entry)
			},
		}}
	}
	one.kept, one.fresh, one.times = client(false), client(true), map[bool][]time.Duration{}
	return &one
}

func (w ways) direct(workload string) *way {
	return w.way("direct to old", world.Old, world.Old, workload, "")
}

// every is what is compared, the floor first. All four lead to the same program of the same size.
func (w ways) every() []*way {
	return []*way{
		w.direct(stays),
		w.way("through new, proxy and bridge", world.New, world.Old, stays, world.Old.Marker),
		w.way("to new after the move", world.New, world.New, moved(0), ""),
		w.way("tail, through old's entry to new", world.Old, world.New, moved(0), world.New.Marker),
	}
}

// latency asks on every way in turn, so that what the machine does meanwhile falls on all of them alike.
func (m *measuring) latency(ctx context.Context) error {
	clients, err := m.ways()
	if err != nil {
		return err
	}
	paths := clients.every()
	if err := rounds(ctx, paths, m.Rounds); err != nil {
		return fmt.Errorf("measure the latency: %w", err)
	}
	fmt.Printf("latency: %d rounds on every way in turn, %s\n", m.Rounds, crowd())
	return m.report.note(compared(paths)...)
}

// rounds asks n times on every way, beginning with another one each time. Before that each is asked until it is warm.
func rounds(ctx context.Context, paths []*way, n int) error {
	for round := range n + 1 {
		for i := range paths {
			p := paths[(round+i)%len(paths)]
			if err := p.round(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			if round == 0 {
				clear(p.times)
			}
		}
	}
	return nil
}

// round asks a few times on a kept connection, then on fresh ones.
func (p *way) round(ctx context.Context) error {
	if err := p.series(ctx, false, keptAsks); err != nil {
		return err
	}
	return p.series(ctx, true, freshAsks)
}

// series asks until n requests were on a connection of the wanted sort. The first on a kept one is not counted, since that
// has been idle, and the client may give a kept one up that was slow to be ready again.
func (p *way) series(ctx context.Context, fresh bool, n int) error {
	counted := 0
	for asked := 0; counted < n; asked++ {
		if asked > 2*n {
			return fmt.Errorf("of %d requests only %d were on a connection that was fresh: %t", asked, counted, fresh)
		}
		took, reused, err := p.ask(ctx, fresh)
		if err != nil {
			return err
		}
		if fresh != reused && (fresh || asked > 0) {
			p.times[fresh] = append(p.times[fresh], took)
			counted++
		}
	}
	return nil
}

// ask asks once, to the last byte of the answer, which has to be from where the way leads.
func (p *way) ask(ctx context.Context, fresh bool) (took time.Duration, reused bool, err error) {
	client := p.kept
	if fresh {
		client = p.fresh
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host(p.workload)+"/", http.NoBody)
	if err != nil {
		return 0, false, err
	}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, false, fmt.Errorf("read the answer: %w", err)
	}
	took = time.Since(began)
	cluster, workload, via := resp.Header.Get("X-Cluster"), resp.Header.Get("X-Workload"), resp.Header.Get("X-Cutover-Via")
	if resp.StatusCode != http.StatusOK || cluster != p.cluster || workload != p.workload || via != p.via {
		return 0, false, fmt.Errorf("status %d of %q in %q by way of %q, want 200 of %q in %q by way of %q",
			resp.StatusCode, workload, cluster, via, p.workload, p.cluster, p.via)
	}
	return took, reused, nil
}

// compared are p50 and p99 of every way beside those of the first.
func compared(paths []*way) []result {
	var out []result
	for _, fresh := range []bool{false, true} {
		connection := "kept connection"
		if fresh {
			connection = "fresh connections"
		}
		for _, p := range []struct {
			name  string
			share float64
		}{{"p50", 0.5}, {"p99", 0.99}} {
			floor := millis(quantile(paths[0].times[fresh], p.share))
			for _, one := range paths[1:] {
				name := fmt.Sprintf("latency %s against direct to old, %s, %s", one.name, connection, p.name)
				out = append(out, beside(name, millis(quantile(one.times[fresh], p.share)), floor, "ms"))
			}
		}
	}
	return out
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// quantile is the smallest that at least this share does not exceed.
func quantile(all []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)]
}
