// Package replsim simulates MongoDB replica sets for tests: members, configurations, elections, replication, writes and
// links, under the server's rules for safe reconfigs and with its error codes, on a virtual clock. It does on demand what a
// real set can't be made to do: a link that is cut in the middle of a command, a member that hangs, a reply that is lost.
// It owns no decision of ours and must not be imported by the product. It is deterministic: the same seed and the same
// calls give the same run. It is not safe for concurrent use; replsim/wire guards it with a lock.
//
// What is left out: catch-up takeover, chaining off, several sets per deployment, sharding, versions other than 6.0.
package replsim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Times of the server.
const (
	heartbeatEvery   = 2 * time.Second
	heartbeatTimeout = 10 * time.Second
	electionTimeout  = 10 * time.Second
	sourceSleep      = time.Second // of a member that lost whom it copied from
)

// Sim is one deployment: servers, which of them are one set, and the links between them.
type Sim struct {
	Set string // the name that servers are started with

	// VotersWantEqual makes voters refuse a candidate whose configuration is another than theirs; without it, an older one.
	VotersWantEqual bool

	// Size and Takes are how many bytes an initial sync copies and how long that takes; 0 = it is small, and takes some seconds.
	Size  int64
	Takes time.Duration

	// Installed, if set, is told of every configuration that a primary installs by itself or for a client.
	Installed func(host string, was, is *Config)

	now    time.Duration
	seq    int
	queue  []event
	rng    *rand.Rand
	nodes  []*node
	byHost map[string]int
	cut    [][]bool // [from][to]: from cannot reach to; what is sent is lost
	lost   map[string]bool
	acked  []ack
	broken []string
}

type event struct {
	at  time.Duration
	seq int
	do  func()
}

// ack is a write that a majority had when the client was told so.
type ack struct {
	id    int64
	index int // where it is in the oplog, from 1
}

// New returns an empty deployment.
func New(seed uint64) *Sim {
	return &Sim{Set: "rs0", rng: rand.New(rand.NewPCG(seed, 1)), byHost: map[string]int{}, lost: map[string]bool{}} //nolint:gosec // a simulation
}

// Now is the virtual time since the start.
func (s *Sim) Now() time.Duration { return s.now }

// Broken lists what must never be and was: two primaries of one term, an acknowledged majority write that a new primary
// does not have.
func (s *Sim) Broken() []string { return s.broken }

func (s *Sim) breaks(format string, args ...any) {
	s.broken = append(s.broken, fmt.Sprintf("%s: "+format, append([]any{s.now}, args...)...))
}

// between is a random time.
func (s *Sim) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.rng.Int64N(int64(to-from)+1))
}

// After calls do later.
func (s *Sim) After(d time.Duration, do func()) {
	s.seq++
	s.queue = append(s.queue, event{s.now + d, s.seq, do})
	for i := len(s.queue) - 1; i > 0; {
		up := (i - 1) / 2
		if !before(s.queue[i], s.queue[up]) {
			break
		}
		s.queue[i], s.queue[up] = s.queue[up], s.queue[i]
		i = up
	}
}

func before(a, b event) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

// step does the next event, if it is due by then.
func (s *Sim) step(until time.Duration) bool {
	if len(s.queue) == 0 || s.queue[0].at > until {
		return false
	}
	e := s.queue[0]
	last := len(s.queue) - 1
	s.queue[0] = s.queue[last]
	s.queue[last] = event{}
	s.queue = s.queue[:last]
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < last && before(s.queue[child], s.queue[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		s.queue[i], s.queue[least] = s.queue[least], s.queue[i]
		i = least
	}
	s.now = max(s.now, e.at)
	e.do()
	return true
}

// Run lets that much time pass.
func (s *Sim) Run(d time.Duration) {
	until := s.now + d
	for s.step(until) {
	}
	s.now = until
}

// Until lets time pass until ok, at most that much, and reports whether it was.
func (s *Sim) Until(limit time.Duration, ok func() bool) bool {
	until := s.now + limit
	for !ok() {
		if !s.step(until) {
			s.now = until
			return ok()
		}
	}
	return true
}

// Next is when the next event is due; false = there is none.
func (s *Sim) Next() (time.Duration, bool) {
	if len(s.queue) == 0 {
		return 0, false
	}
	return s.queue[0].at, true
}

// Cut makes everything lost that from sends to to when it calls it: from cannot dial to, to can still dial from.
func (s *Sim) Cut(from, to string, cut bool) {
	s.cut[s.byHost[from]][s.byHost[to]] = cut
}

// Unresolvable makes a name one whose lookup hangs, on every member.
func (s *Sim) Unresolvable(host string, hangs bool) { s.lost[host] = hangs }

// reach is how a call from one server to another would fare.
type reach int

const (
	reached reach = iota
	refused       // at once: nobody listens there
	silent        // never: the link is cut, or the other one hangs
)

func (s *Sim) dial(from int, host string) (int, reach) {
	to, ok := s.byHost[host]
	switch {
	case s.lost[host]:
		return to, silent
	case !ok:
		return -1, refused
	case s.cut[from][to], s.nodes[to].paused:
		return to, silent
	case !s.nodes[to].up:
		return to, refused
	}
	return to, reached
}
