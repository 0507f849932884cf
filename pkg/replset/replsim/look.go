package replsim

import "time"

// Hello is what a server tells everybody.
type Hello struct {
	Set       string // "" of one that is in no set
	Version   int64
	Fresh     bool
	Writable  bool
	Secondary bool
	Arbiter   bool
	Hidden    bool
	Passive   bool
	Primary   string
	Me        string
	Hosts     []string
	Passives  []string
	Arbiters  []string
	Process   int
	Life      int
	LastTerm  int64
	LastIndex int
	Majority  int // the last entry that it knows a majority to have
}

// Writable reports whether a server answers and takes writes.
func (s *Sim) Writable(host string) bool {
	n := s.node(host)
	return n.up && !n.paused && n.writable
}

// Up reports whether a server's process is there, and Hangs whether it answers nothing.
func (s *Sim) Up(host string) bool    { return s.node(host).up }
func (s *Sim) Hangs(host string) bool { return s.node(host).paused } //nolint:revive // described above

// Hello asks a server; false = no answer.
func (s *Sim) Hello(host string) (Hello, bool) {
	to, ok := s.byHost[host]
	if !ok || !s.nodes[to].up || s.nodes[to].paused {
		return Hello{}, false
	}
	n := s.nodes[to]
	last := n.last()
	h := Hello{Process: n.process, Life: n.life, LastTerm: last.term, LastIndex: last.index, Majority: n.commit}
	me := n.me()
	if me == nil {
		h.Fresh = true
		return h, true
	}
	h.Set, h.Version, h.Me = n.config.Name, n.config.Version, n.host
	h.Writable, h.Secondary, h.Arbiter = n.writable, n.state == Secondary || n.state == Primary && !n.writable, n.state == Arbiter
	h.Hidden, h.Passive = me.Hidden, me.Priority == 0 && !me.Arbiter
	if n.state == Primary {
		h.Primary = n.host
	} else if p := n.leader; p != "" && n.config.find(p) != nil && s.now-n.heardLeader < electionTimeout {
		h.Primary = p
	}
	for i := range n.config.Members {
		switch m := &n.config.Members[i]; {
		case m.Hidden:
		case m.Arbiter:
			h.Arbiters = append(h.Arbiters, m.Host)
		case m.Priority == 0 || m.NewlyAdded:
			h.Passives = append(h.Passives, m.Host)
		default:
			h.Hosts = append(h.Hosts, m.Host)
		}
	}
	return h, true
}

// GetConfig is replSetGetConfig: the configuration, and whether a majority has it. The latter only a writable primary tells.
func (s *Sim) GetConfig(host string, commitment bool) (*Config, bool, *Error) {
	n := s.node(host)
	switch {
	case !n.up || n.paused:
		return nil, false, errNetwork
	case n.config == nil:
		return nil, false, fail(94, "no replset config has been received")
	case commitment && !n.writable:
		return nil, false, fail(10107, "commitmentStatus is only supported on primary.")
	}
	return n.config, n.writable && n.committed(), nil
}

// Status is replSetGetStatus.
type Status struct {
	State                          State
	Term                           int64
	Source                         string
	Majority, Voters               int
	LastTerm                       int64
	LastIndex, Commit              int
	Won                            Won // of a primary
	Sync                           *Sync
	Members                        []Peer
	HeartbeatEvery, Heard, Timeout time.Duration
}

// Sync is how far a member is with copying its first data.
type Sync struct {
	Copied, Total int64 // bytes
	Left          time.Duration
}

// Peer is how one member sees another, or itself.
type Peer struct {
	ID              int
	Host            string
	Self            bool
	Healthy         bool
	State           State
	LastTerm        int64
	LastIndex       int
	Version, Term   int64
	Heard, Recv     time.Duration
	Message         string
	Unauthenticated bool
}

// GetStatus asks a member how it sees the set.
func (s *Sim) GetStatus(host string) (Status, *Error) {
	n := s.node(host)
	switch {
	case !n.up || n.paused:
		return Status{}, errNetwork
	case n.config == nil:
		return Status{}, fail(94, "no replset config has been received")
	case n.state == Removed:
		return Status{}, fail(93, "Our replica set config is invalid or we are not a member of it")
	}
	last := n.last()
	st := Status{State: n.state, Term: n.term, Majority: n.config.majority(), Voters: n.config.voters(), LastTerm: last.term, LastIndex: last.index, Commit: n.commit, HeartbeatEvery: heartbeatEvery}
	if n.source >= 0 && n.state == Secondary {
		st.Source = s.nodes[n.source].host
	}
	if n.state == Primary {
		st.Won = n.won
	}
	if s.Size > 0 && n.state == Startup2 {
		left := max(n.copying+s.Takes-s.now, 0)
		st.Sync = &Sync{Copied: int64(float64(s.Size) * float64(s.Takes-left) / float64(s.Takes)), Total: s.Size, Left: left}
	}
	for i := range n.config.Members {
		m := &n.config.Members[i]
		if m.Host == n.host {
			st.Members = append(st.Members, Peer{ID: m.ID, Host: m.Host, Self: true, Healthy: true, State: n.state, LastTerm: last.term, LastIndex: last.index, Version: n.config.Version, Term: n.config.Term})
			continue
		}
		p := n.peer(m.Host)
		st.Members = append(st.Members, Peer{
			ID: m.ID, Host: m.Host, Healthy: p.healthy, State: p.state, LastTerm: p.last.term, LastIndex: p.last.index,
			Version: p.version, Term: p.term, Heard: p.heard, Recv: p.recv, Message: p.message, Unauthenticated: p.auth,
		})
	}
	return st, nil
}
