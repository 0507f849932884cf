package rehearse

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"

	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/workloads"
	"cutover.dev/cutover/lab/world"
)

// The groups of clients: those that follow the names to new once its routes are there, and those that stay at old's
// entry to the end, as stale resolvers and pinned addresses do.
const (
	Movers  = "movers"
	Stayers = "stayers"
)

// EntryOf is where clients of a cluster connect.
func EntryOf(c world.Cluster) load.Entry { return load.Entry{Name: c.Name, Addr: c.Entry + ":443"} }

// Targets are all that the lab's clients ask for.
func Targets() []load.Target {
	kinds := map[workloads.Kind]load.Kind{workloads.Upload: load.Upload, workloads.Session: load.Session}
	var out []load.Target
	for _, h := range workloads.Hosts() {
		kind, special := kinds[h.Kind]
		if !special {
			kind = load.Plain
		}
		out = append(out, load.Target{Host: h.Host, Path: h.Path, Workload: h.Workload, Kind: kind, Weight: h.Weight})
	}
	return out
}

// Roots are the certificates that the lab's clients trust.
func Roots(w world.World) (*x509.CertPool, error) {
	pem, err := os.ReadFile(w.CA())
	if err != nil {
		return nil, fmt.Errorf("read the lab's authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the lab's authority: no certificate in %s", w.CA())
	}
	return pool, nil
}

// Clients starts both groups at old's entry with rate requests a second together, a fifth of them by those who stay.
func Clients(ctx context.Context, w world.World, rate int, ledger io.Writer) (*load.Load, error) {
	roots, err := Roots(w)
	if err != nil {
		return nil, err
	}
	stay, old := rate/5, EntryOf(world.Old)
	return load.Start(ctx, load.Options{
		Targets: Targets(), Roots: roots, Ledger: ledger,
		Groups: []load.Group{
			{Name: Movers, Entry: old, Rate: rate - stay, Sessions: 2},
			{Name: Stayers, Entry: old, Rate: stay, Sessions: 1},
		},
	})
}

// Answers asks every target once at an entry and wants the answers of that cluster ("" for any). Every no is in the error.
func Answers(ctx context.Context, w world.World, entry load.Entry, cluster string) error {
	roots, err := Roots(w)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var nos []error
	var g errgroup.Group
	g.SetLimit(4)
	for _, t := range Targets() {
		g.Go(func() error {
			e := load.Check(ctx, roots, entry, t)
			var no error
			switch {
			case e.Class.Lost():
				no = fmt.Errorf("%s%s at %s's entry: %s: %s", t.Host, t.Path, entry.Name, e.Class, e.Detail)
			case cluster != "" && e.Cluster != cluster:
				no = fmt.Errorf("%s%s at %s's entry: %s answers, want %s", t.Host, t.Path, entry.Name, e.Cluster, cluster)
			}
			mu.Lock()
			defer mu.Unlock()
			nos = append(nos, no)
			return nil
		})
	}
	_ = g.Wait() // its functions return nothing: every no is wanted, not the first
	return errors.Join(nos...)
}
