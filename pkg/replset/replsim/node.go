package replsim

import (
	"fmt"
	"time"
)

// State is the state of a member, by the server's numbers.
type State int

// The states.
const (
	Startup   State = 0
	Primary   State = 1
	Secondary State = 2
	Startup2  State = 5
	Unknown   State = 6
	Arbiter   State = 7
	Down      State = 8
	Removed   State = 10
)

func (s State) String() string {
	return map[State]string{
		Startup: "STARTUP", Primary: "PRIMARY", Secondary: "SECONDARY", Startup2: "STARTUP2", Unknown: "UNKNOWN",
		Arbiter: "ARBITER", Down: "DOWN", Removed: "REMOVED",
	}[s]
}

// entry is one operation in the oplog. Its term and its place tell it from all others.
type entry struct {
	term int64
	id   int64 // of the document that it inserts; 0 = none
}

// optime is a position in an oplog: the term of the last entry, and how many there are.
type optime struct {
	term  int64
	index int
}

func (o optime) less(p optime) bool { return o.term < p.term || o.term == p.term && o.index < p.index }

// peer is what a member knows of another one.
type peer struct {
	host    string
	healthy bool
	heard   time.Duration // last answer
	recv    time.Duration // last question
	silent  bool          // does not answer, and is not known to be down yet
	state   State
	last    optime
	version int64
	term    int64 // of its configuration
	message string
	auth    bool // it does not have our key
}

// node is one mongod.
type node struct {
	s     *Sim
	index int
	host  string
	set   string
	key   string

	up, paused bool
	life       int // a new one with every start
	process    int

	// What is on disk.
	config *Config
	log    []entry
	term   int64
	voted  int64 // the last term that it voted in
	synced bool  // it has had its first data
	data   bool  // data that came from no set

	// What dies with the process.
	state         State
	writable      bool
	opened        bool // as primary of this term it took writes
	stepping      bool
	busy          bool // a reconfig between its checks and its end
	commit        int
	configIndex   int // the place in the oplog that a majority must have before the next reconfig
	source        int // whom it copies from, -1 nobody
	pulling       bool
	copying       time.Duration // since when it copies its first data
	stalled       bool          // fsyncLock: it copies nothing
	leader        string
	heardLeader   time.Duration
	noMajority    time.Duration // since when, as primary
	patience      time.Duration // before it stands for election
	steppedUntil  time.Duration
	frozenUntil   time.Duration
	takeover      int // counts, so that an older timer is void
	electionTimer int
	peers         []*peer
	waiters       []*waiter
	won           Won
}

// Won is what a primary knows of its election.
type Won struct {
	Reason             string
	Term               int64
	At, Open, Majority time.Duration // won, writable, a majority has a write of the new term; 0 = not yet
}

// Start starts a server that is in no set yet. set and key are what it is started with; "" = those of everybody.
func (s *Sim) Start(host, set, key string) {
	if set == "" {
		set = s.Set
	}
	n := &node{s: s, index: len(s.nodes), host: host, set: set, key: key, up: true, source: -1, process: len(s.nodes) + 1, life: 1}
	s.byHost[host] = n.index
	s.nodes = append(s.nodes, n)
	for i := range s.cut {
		s.cut[i] = append(s.cut[i], false)
	}
	s.cut = append(s.cut, make([]bool, len(s.nodes)))
}

// Fill gives a server that is in no set data of its own, which an initial sync throws away.
func (s *Sim) Fill(host string) { s.node(host).data = true }

func (s *Sim) node(host string) *node { return s.nodes[s.byHost[host]] }

// Kill ends a process at once. What was acknowledged is on disk.
func (s *Sim) Kill(host string) {
	n := s.node(host)
	if !n.up {
		return
	}
	n.fail(errNetwork)
	n.up, n.paused, n.state, n.writable, n.stepping, n.busy = false, false, Down, false, false, false
	n.life++
}

// Restart starts it again with what was on disk.
func (s *Sim) Restart(host string) {
	n := s.node(host)
	if n.up {
		return
	}
	n.life++
	n.process += 1000
	n.up, n.commit, n.source, n.pulling, n.stalled, n.peers = true, 0, -1, false, false, nil
	n.steppedUntil, n.frozenUntil, n.won, n.leader = 0, 0, Won{}, ""
	n.state = Startup
	if n.config == nil {
		return
	}
	c := n.config
	n.config = nil
	n.install(c)
}

// Pause makes a process hang, or go on: connections stay, nothing is answered.
func (s *Sim) Pause(host string, paused bool) { s.node(host).paused = paused && s.node(host).up }

// Stall keeps a member from copying, or lets it go on: it lags, and is healthy otherwise.
func (s *Sim) Stall(host string, stalled bool) {
	n := s.node(host)
	n.stalled = stalled
	if !stalled {
		n.pullIn(time.Millisecond)
	}
}

// in calls do later in this process: not if it was killed since, and once it goes on if it hangs then.
func (n *node) in(d time.Duration, do func()) {
	life := n.life
	var run func()
	run = func() {
		switch {
		case n.life != life || !n.up:
		case n.paused:
			n.s.After(100*time.Millisecond, run)
		default:
			do()
		}
	}
	n.s.After(d, run)
}

func (n *node) last() optime {
	if len(n.log) == 0 || !n.synced {
		return optime{}
	}
	return optime{n.log[len(n.log)-1].term, len(n.log)}
}

// peer is what n knows of host.
func (n *node) peer(host string) *peer {
	for _, p := range n.peers {
		if p.host == host {
			return p
		}
	}
	p := &peer{host: host, heard: n.s.now, recv: -1, state: Unknown}
	n.peers = append(n.peers, p)
	return p
}

func (n *node) me() *Member {
	if n.config == nil {
		return nil
	}
	return n.config.find(n.host)
}

// install takes over a configuration, its own or one that it heard of.
func (n *node) install(c *Config) {
	first := n.config == nil
	n.config = c
	n.takeover++
	me := n.me()
	switch {
	case me == nil:
		if n.state == Primary {
			n.resign("removed")
		}
		n.state = Removed
	case me.Arbiter:
		n.state, n.synced = Arbiter, true
	case n.state == Primary:
	case n.synced:
		n.state = Secondary
	case n.state != Startup2:
		n.state, n.copying = Startup2, n.s.now
		takes := n.s.between(time.Second, 8*time.Second)
		if n.s.Takes > 0 {
			takes = n.s.Takes
		}
		n.in(takes, n.initialSync)
	}
	if first {
		n.heardLeader = n.s.now
		n.in(n.s.between(0, heartbeatEvery), n.round)
	}
	n.resetElection()
	n.planTakeover()
}

// Dump is one line a member, for a person who reads a failed test.
func (s *Sim) Dump() (lines []string) {
	for _, n := range s.nodes {
		version, members := int64(0), ""
		if n.config != nil {
			version = n.config.Version
			for _, m := range n.config.Members {
				members += fmt.Sprintf(" %s:%d/%g", m.Host, m.Votes, m.Priority)
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s writable %t up %t paused %t stalled %t term %d config %d log %v commit %d:%s",
			n.host, n.state, n.writable, n.up, n.paused, n.stalled, n.term, version, n.last(), n.commit, members))
	}
	return lines
}
