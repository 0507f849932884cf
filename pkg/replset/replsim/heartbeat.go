package replsim

import "time"

// round asks every other member how it is, and comes back.
func (n *node) round() {
	n.in(heartbeatEvery, n.round)
	n.ask()
	n.watch()
	if n.state == Secondary && n.source < 0 {
		n.pullIn(n.s.between(0, 50*time.Millisecond))
	}
}

// ask sends one heartbeat to every other member.
func (n *node) ask() {
	if n.config == nil {
		return
	}
	for i := range n.config.Members {
		if c := n.config; i < len(c.Members) && c.Members[i].Host != n.host {
			n.heartbeat(c.Members[i].Host)
		}
	}
}

// heartbeat asks one member, and both learn from it.
func (n *node) heartbeat(host string) {
	p := n.peer(host)
	to, how := n.s.dial(n.index, host)
	switch {
	case how == refused:
		n.loses(p, "Error connecting to "+host+" :: caused by :: Connection refused")
		return
	case how == silent:
		p.silent = true
		if n.s.now-p.heard > heartbeatTimeout {
			n.loses(p, "Couldn't get a connection within the time limit")
		}
		return
	}
	o := n.s.nodes[to]
	p.silent, p.auth = false, o.key != n.key
	switch {
	case p.auth:
		n.loses(p, "")
		return
	case o.set != n.set:
		n.loses(p, "replica set names do not match, ours: "+n.set+"; remote node's: "+o.set)
		return
	case o.config != nil && o.config.Identity != n.config.Identity:
		n.loses(p, "replica set IDs do not match, ours: "+n.config.Identity+"; remote node's: "+o.config.Identity)
		return
	case o.config == nil:
		o.hears(n)
		*p = peer{host: host, healthy: true, heard: n.s.now, recv: p.recv, state: Startup}
		return
	}
	o.peer(n.host).recv = n.s.now
	o.sees(n.term)
	n.sees(o.term)
	if o.config.newer(n.config) && n.state != Primary {
		n.install(o.config)
	}
	o.hears(n)
	p.healthy, p.heard, p.state, p.last, p.message = true, n.s.now, o.state, o.last(), ""
	p.version, p.term = o.config.Version, o.config.Term
	if n.state == Primary {
		n.settle()
	}
	if o.state == Primary && o.term >= n.term {
		n.hasLeader(o)
	}
}

// hears is what a member learns from a question: that there is a newer configuration, which it fetches.
func (o *node) hears(n *node) {
	if n.config == nil || !n.config.newer(o.config) || o.state == Primary {
		return
	}
	if o.config == nil && n.config.find(o.host) == nil {
		return
	}
	o.in(o.s.between(2*time.Millisecond, 30*time.Millisecond), func() {
		if _, how := o.s.dial(o.index, n.host); how == reached && n.config.newer(o.config) && o.state != Primary {
			o.install(n.config)
		}
	})
}

// loses: a member does not answer any more.
func (n *node) loses(p *peer, why string) {
	p.healthy, p.state, p.message, p.last = false, Down, why, optime{}
	if p.auth {
		p.state = Unknown
	}
}

// sees follows a newer term. A primary of an older one is none any more.
func (n *node) sees(term int64) {
	if term <= n.term {
		return
	}
	n.term = term
	if n.state == Primary {
		n.resign("saw a new term")
	}
}

// hasLeader: there is a primary, so there is no need to stand for election.
func (n *node) hasLeader(o *node) {
	n.heardLeader = n.s.now
	if n.leader != o.host {
		n.leader = o.host
		n.planTakeover()
	}
}

// watch is what a primary does about a majority that it has lost. A cut link is noticed later than a hung process: in
// between lies what was measured.
func (n *node) watch() {
	if n.state != Primary {
		return
	}
	up := 0
	for i := range n.config.Members {
		m := &n.config.Members[i]
		if m.Host == n.host {
			up += m.votes()
		} else if p := n.peer(m.Host); p.healthy && n.s.now-p.heard <= electionTimeout {
			up += m.votes()
		}
	}
	switch {
	case up >= n.config.majority():
		n.noMajority = 0
	case n.noMajority == 0:
		n.noMajority = n.s.now + n.s.between(0, electionTimeout)
	case n.s.now >= n.noMajority:
		n.resign("Can't see a majority of the set, relinquishing primary")
	}
}

// settle is what a primary does once a member that was newly added has its data: it gets its vote.
func (n *node) settle() {
	if n.busy || !n.writable {
		return
	}
	for i := range n.config.Members {
		m := &n.config.Members[i]
		if p := n.peer(m.Host); m.NewlyAdded && p.state == Secondary {
			c := *n.config
			c.Members = append([]Member(nil), c.Members...)
			c.Members[i].NewlyAdded = false
			c.Version++
			n.adopt(&c)
			return
		}
	}
}
