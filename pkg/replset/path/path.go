// Package path is the planner of a replica set's move from old members to new ones and back: pure functions from what a
// configuration is to the single next safe change of it. It owns which states lie on the way, in which order, what they
// are called and who can elect a primary in each. It must not know the driver, BSON, clocks or networks, and keeps
// nothing between two calls: who was killed half-way plans on from the live configuration alone.
//
// A way is a line of positions. What lies between two of them is one replSetReconfig or one replSetStepDown. For every
// lead (votes of the side that gives minus votes of the side that takes) there is one position, with the most voters that
// the limit of seven allows; each step changes the lead by one, so that each way has exactly one even split, and the way
// back passes the same pairs of votes as the way ahead.
package path

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// MaxVoters is how many voting members the server allows in a set.
const MaxVoters = 7

// maxMembers is how many members the server allows in a set.
const maxMembers = 50

// The two sides of a set, as in the environments.
const (
	Old = "old"
	New = "new"
)

// What a caller may want to tell apart.
var (
	// ErrOffPath: the configuration is none that this package makes, and none that it dares to change. A person has to look.
	ErrOffPath = errors.New("the configuration is not one on the path")

	// ErrNoPrimary: there is something to do, and nobody who could do it now. Look again later.
	ErrNoPrimary = errors.New("no writable primary is seen")

	// ErrUnsafe: the change would break a rule that keeps the set alive. Nothing of ours makes one.
	ErrUnsafe = errors.New("unsafe change of the configuration")
)

// Member is what the planner knows of a member. All other fields stay in the document as they are.
type Member struct {
	ID       int
	Host     string // host:port, as in the configuration; it names the member
	Votes    int    // 0 or 1
	Priority float64
	Hidden   bool
	Arbiter  bool
}

// Electable reports whether the configuration lets m be primary.
func (m Member) Electable() bool { return m.Votes > 0 && m.Priority > 0 && !m.Arbiter }

// Config is a configuration as the planner sees it.
type Config struct {
	Version, Term int64
	Members       []Member // in the order of the document
}

// Find returns the member of that host.
func (c Config) Find(host string) (Member, bool) {
	if i := c.index(host); i >= 0 {
		return c.Members[i], true
	}
	return Member{}, false
}

func (c Config) index(host string) int {
	return slices.IndexFunc(c.Members, func(m Member) bool { return m.Host == host })
}

// Voters is how many members vote.
func (c Config) Voters() (n int) {
	for _, m := range c.Members {
		n += m.Votes
	}
	return n
}

// Majority is how many votes elect a primary.
func (c Config) Majority() int { return c.Voters()/2 + 1 }

// clone is a copy that may be changed.
func (c Config) clone() Config {
	c.Members = slices.Clone(c.Members)
	return c
}

// Live is what was seen of a set at one moment.
type Live struct {
	Config
	Primary string   // host of the writable primary, "" if none was seen
	Down    []string // hosts that could not be elected now; looked at only before unequal priorities are restored
}

// Goal is where a set is to go, and what it was. It comes from the plan and from what was frozen before the first change,
// and must be the same in every run.
type Goal struct {
	Set   string   // name of the replica set
	First Config   // as it was before anything of ours: its members are the old ones, and the way back ends there
	New   []string // host:port of the members that take over, in the order of the plan
}

// Check names everything that makes it impossible to plan for g.
func (g Goal) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if g.Set == "" {
		bad("the replica set has no name")
	}
	hosts, electable := map[string]bool{}, 0
	for _, m := range g.First.Members {
		if hosts[m.Host] {
			bad("%s is twice in the first configuration", m.Host)
		}
		hosts[m.Host] = true
		if m.Arbiter {
			bad("%s is an arbiter: it cannot give up its vote without leaving the set; replace it by a member with data first", m.Host)
		}
		if m.Electable() {
			electable++
		}
	}
	if electable == 0 {
		bad("no old member can be primary")
	}
	if v := g.First.Voters(); v > MaxVoters {
		bad("%d old members vote, the server allows %d", v, MaxVoters)
	}
	for _, h := range g.New {
		if h == "" || hosts[h] {
			bad("the new member %q is empty, named twice, or an old member", h)
		}
		hosts[h] = true
	}
	if n := len(g.New); n < 1 || n > MaxVoters {
		bad("%d new members: all of them shall vote, which 1 to %d can", n, MaxVoters)
	}
	if n := len(g.First.Members) + len(g.New); n > maxMembers {
		bad("%d members, the server allows %d", n, maxMembers)
	}
	return errors.Join(errs...)
}

// seat is a member of one side and what it is when that side has all its votes.
type seat struct {
	host     string
	votes    bool
	priority float64 // as it was; of a new member 1: all that counts is that it is not 0 and the same for all
	hidden   bool
}

// sides are the seats of old and of new.
func (g Goal) sides() (old, fresh []seat) {
	for _, m := range g.First.Members {
		old = append(old, seat{m.Host, m.Votes > 0, m.Priority, m.Hidden})
	}
	for _, h := range g.New {
		fresh = append(fresh, seat{h, true, 1, false})
	}
	return old, fresh
}

// rising orders seats as they get votes: who may be primary first, by priority. Votes are given up in reverse.
func rising(seats []seat) []seat {
	s := slices.Clone(seats)
	slices.SortStableFunc(s, func(a, b seat) int { return cmp.Compare(b.priority, a.priority) })
	return slices.DeleteFunc(s, func(s seat) bool { return !s.votes })
}

// has reports whether host is one of seats.
func has(seats []seat, host string) bool {
	return slices.ContainsFunc(seats, func(s seat) bool { return s.host == host })
}
