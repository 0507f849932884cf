package replsim

import "time"

// Reasons of an election, as the server names them.
const (
	byTimeout  = "electionTimeout"
	byHandoff  = "stepUpRequestSkipDryRun"
	byTakeover = "priorityTakeover"
)

// mayStand reports whether n could be primary now.
func (n *node) mayStand() bool {
	me := n.me()
	return n.state == Secondary && me != nil && me.electable() && n.s.now >= n.steppedUntil && n.s.now >= n.frozenUntil
}

// resetElection starts to wait for a primary anew. There is one timer for it; what it waits for may move on meanwhile.
func (n *node) resetElection() {
	n.heardLeader = n.s.now
	n.patience = n.s.between(electionTimeout, electionTimeout*115/100)
	n.electionTimer++
	n.waitForLeader(n.electionTimer)
}

func (n *node) waitForLeader(timer int) {
	due := max(n.heardLeader+n.patience, n.steppedUntil, n.frozenUntil)
	n.in(max(due-n.s.now, time.Millisecond), func() {
		switch {
		case n.electionTimer != timer || n.state != Secondary:
		case n.s.now < max(n.heardLeader+n.patience, n.steppedUntil, n.frozenUntil):
			n.waitForLeader(timer)
		default:
			if n.mayStand() {
				n.stand(byTimeout)
			}
			if n.state == Secondary {
				n.resetElection()
			}
		}
	})
}

// planTakeover: a member of a higher priority than the primary's takes over, if that is still so when its time comes.
func (n *node) planTakeover() {
	n.takeover++
	me := n.me()
	if n.leader == "" || me == nil || n.state != Secondary || !me.electable() {
		return
	}
	p := n.config.find(n.leader)
	if p == nil || p.Priority >= me.Priority {
		return
	}
	rank := 0
	for i := range n.config.Members {
		if n.config.Members[i].Priority > me.Priority {
			rank++
		}
	}
	mine, wait := n.takeover, time.Duration(rank+1)*electionTimeout+n.s.between(0, electionTimeout*15/100)
	n.in(wait, func() {
		if n.takeover != mine || !n.mayStand() || n.leader == "" || n.s.now-n.heardLeader > electionTimeout {
			return
		}
		if p := n.config.find(n.leader); p != nil && p.Priority < me.Priority {
			n.stand(byTakeover)
		}
		n.planTakeover()
	})
}

// stand asks for votes, first without consequences unless the primary handed over.
func (n *node) stand(reason string) {
	if reason != byHandoff && n.votes(n.term+1, true) < n.config.majority() {
		return
	}
	n.term++
	n.voted = n.term
	term := n.term
	if got := n.votes(term, false); got < n.config.majority() || n.term != term || n.state != Secondary {
		return
	}
	n.win(reason)
}

// votes counts who would elect n.
func (n *node) votes(term int64, dry bool) (got int) {
	c := n.config
	for i := range c.Members {
		m := &c.Members[i]
		if m.Host == n.host {
			got += m.votes()
			continue
		}
		to, how := n.s.dial(n.index, m.Host)
		if how != reached {
			continue
		}
		if v := n.s.nodes[to]; v.grants(n, term, dry) && m.votes() > 0 {
			got++
		}
	}
	return got
}

// grants decides one vote.
func (v *node) grants(n *node, term int64, dry bool) bool {
	if v.config == nil || v.key != n.key || v.set != n.set || v.config.Identity != n.config.Identity {
		return false
	}
	if !dry {
		v.sees(term)
	}
	switch {
	case term < v.term:
	case v.config.newer(n.config), v.s.VotersWantEqual && n.config.newer(v.config):
	case n.last().less(v.last()):
	case dry:
		return true
	case v.voted >= term:
	default:
		v.voted = term
		v.heardLeader = v.s.now
		return true
	}
	return false
}

// win makes n primary. It accepts writes once it has heard everybody, has what they have, and its own term is written.
func (n *node) win(reason string) {
	for _, o := range n.s.nodes {
		if o != n && o.up && o.state == Primary && o.term == n.term && o.config.Identity == n.config.Identity {
			n.s.breaks("%s and %s are both primary in term %d", o.host, n.host, n.term)
		}
	}
	n.state, n.writable, n.opened, n.leader, n.noMajority, n.source = Primary, false, false, n.host, 0, -1
	n.won = Won{Reason: reason, Term: n.term, At: n.s.now}
	for i := range n.config.Members {
		p := n.peer(n.config.Members[i].Host)
		p.heard = max(p.heard, n.s.now) // what was heard before it stood counts as now
	}
	n.ask()
	n.drain(n.term, n.s.now+heartbeatTimeout)
}

// drain ends the time in which n is primary and takes no writes.
func (n *node) drain(term int64, limit time.Duration) {
	n.in(n.s.between(8*time.Millisecond, 100*time.Millisecond), func() {
		if n.state != Primary || n.term != term || n.writable {
			return
		}
		waiting := false
		for i := range n.config.Members {
			m := &n.config.Members[i]
			to, how := n.s.dial(n.index, m.Host)
			switch {
			case m.Host == n.host || how == refused:
			case how == silent:
				waiting = waiting || n.s.now < limit && n.peer(m.Host).healthy
			case n.last().less(n.s.nodes[to].last()):
				n.copyFrom(n.s.nodes[to])
			}
		}
		if waiting {
			n.drain(term, limit)
			return
		}
		n.open()
	})
}

// open writes the first entry of the new term, which is what a majority has to have before anything else, and gives the
// configuration the new term, with the same version.
func (n *node) open() {
	have := map[int64]bool{}
	for _, e := range n.log {
		have[e.id] = true
	}
	for _, a := range n.s.acked {
		if !have[a.id] {
			n.s.breaks("%s is primary of term %d and lacks write %d, which a majority had", n.host, n.term, a.id)
		}
	}
	n.writable, n.opened, n.won.Open = true, true, n.s.now
	n.append(0)
	n.won.Term = n.term
	c := *n.config
	c.Term = n.term
	n.adopt(&c)
	first := len(n.log)
	n.configIndex = first
}

// resign makes a primary a secondary at once.
func (n *node) resign(why string) {
	if n.state != Primary {
		return
	}
	n.state, n.writable, n.stepping, n.leader = Secondary, false, false, ""
	n.fail(fail(11602, "operation was interrupted"))
	n.resetElection()
	for _, o := range n.s.nodes {
		if o.source == n.index && o.state == Secondary && n.s.rng.IntN(8) > 0 {
			o.source = -1
			o.pullIn(sourceSleep)
		}
	}
	_ = why
}
