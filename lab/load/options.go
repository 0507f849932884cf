// Package load is the lab's own load: clients that ask at a fixed rate whatever the answers take (an open model), on
// kept and on fresh connections, by GET, by POST that nothing repeats, and over WebSockets. Every request ends in a
// ledger. It knows nothing of the tool and nothing of Kubernetes: what it proves would be no proof otherwise.
package load

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"
)

// What a client may take before it gives up. Both are generous: a busy machine must not look like a lost request.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultDialTimeout = 20 * time.Second
)

// Kind is how a target is asked.
type Kind string

// The kinds.
const (
	Plain   Kind = "plain"   // GET, and POST of 512 bytes
	Upload  Kind = "upload"  // POST of 1 MiB that comes back
	Session Kind = "session" // a WebSocket with a message every second
)

// Target is one host and path, and who has to answer there.
type Target struct {
	Host, Path string // Path may have a query
	Workload   string // the value of X-Workload
	Kind       Kind
	Weight     int // share of the requests, relative to the other targets; a Session has none: it is one per group
}

// Entry is where a client connects, whatever the host: its name is how the ledger calls it.
type Entry struct{ Name, Addr string }

// Group is a set of clients that go to the same entry and move together.
type Group struct {
	Name     string
	Entry    Entry  // with Names only what the ledger says of who never connected
	Names    *Names // not nil: they go where the names lead
	Kept     bool   // they never ask on a fresh connection where they have one
	Rate     int    // requests a second
	Sessions int    // WebSockets per Session target
}

// Options say what to send.
type Options struct {
	Targets []Target
	Groups  []Group
	Roots   *x509.CertPool // whom the clients trust
	Ledger  io.Writer      // one JSON line per request

	Timeout     time.Duration // per request; default DefaultTimeout
	DialTimeout time.Duration // default DefaultDialTimeout
	Beat        time.Duration // between two messages of a WebSocket; default one second
}

func (o *Options) defaults() {
	o.Timeout = orDefault(o.Timeout, DefaultTimeout)
	o.DialTimeout = orDefault(o.DialTimeout, DefaultDialTimeout)
	o.Beat = orDefault(o.Beat, time.Second)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// check names every mistake: a load that sends nothing would prove anything.
func (o *Options) check() error {
	var errs []error
	if len(o.Groups) == 0 || len(o.Targets) == 0 {
		errs = append(errs, errors.New("no groups or no targets"))
	}
	if o.Ledger == nil {
		errs = append(errs, errors.New("no ledger"))
	}
	for _, t := range o.Targets {
		if t.Host == "" || t.Path == "" || t.Workload == "" || (t.Kind != Session && t.Weight <= 0) {
			errs = append(errs, fmt.Errorf("target %s%s lacks a host, path, workload or weight", t.Host, t.Path))
		}
	}
	seen := map[string]bool{}
	for _, g := range o.Groups {
		if g.Name == "" || seen[g.Name] || g.Entry.Addr == "" && g.Names == nil || g.Rate < 0 {
			errs = append(errs, fmt.Errorf("group %q has no name, no entry, a negative rate or is there twice", g.Name))
		}
		seen[g.Name] = true
	}
	return errors.Join(errs...)
}

// schedule spreads the targets by weight: the order in which one group asks them, over and over.
func schedule(targets []Target) []Target {
	var total int
	credit := make([]int, len(targets))
	for _, t := range targets {
		if t.Kind != Session {
			total += t.Weight
		}
	}
	out := make([]Target, 0, total)
	for range total {
		best := -1
		for i, t := range targets {
			if t.Kind == Session {
				continue
			}
			credit[i] += t.Weight
			if best < 0 || credit[i] > credit[best] {
				best = i
			}
		}
		credit[best] -= total
		out = append(out, targets[best])
	}
	return out
}
