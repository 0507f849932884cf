package replsim

import "time"

// waiter is a client that waits for a write.
type waiter struct {
	index int
	term  int64
	need  int // how many members must have it; 0 = a majority
	reply func(*Error)
}

// append writes one entry as primary.
func (n *node) append(id int64) {
	n.log = append(n.log, entry{n.term, id})
	n.acknowledge()
	n.tell()
}

// tell lets those who copy from n know that there is more.
func (n *node) tell() {
	for _, o := range n.s.nodes {
		if o.source == n.index && o != n {
			o.pullIn(n.s.between(time.Millisecond, 15*time.Millisecond))
		}
	}
}

// pullIn copies what is new from the member's source a moment later.
func (n *node) pullIn(d time.Duration) {
	if n.pulling {
		return
	}
	n.pulling = true
	n.in(d, func() {
		n.pulling = false
		n.pull()
	})
}

func (n *node) pull() {
	if n.state != Secondary || n.stalled {
		return
	}
	if n.source >= 0 && !n.canCopy(n.s.nodes[n.source]) {
		n.source = -1
		n.pullIn(sourceSleep)
		return
	}
	if n.source < 0 {
		if n.source = n.choose(); n.source < 0 {
			return // the next round tries again
		}
	}
	n.copyFrom(n.s.nodes[n.source])
}

func (n *node) canCopy(o *node) bool {
	if _, how := n.s.dial(n.index, o.host); how != reached || n.config.find(o.host) == nil {
		return false
	}
	return (o.state == Primary || o.state == Secondary) && o.key == n.key && o.config.Identity == n.config.Identity && !o.last().less(n.last())
}

// choose picks a source that is ahead: mostly the primary, now and then another one.
func (n *node) choose() int {
	best := -1
	for i := range n.config.Members {
		to, how := n.s.dial(n.index, n.config.Members[i].Host)
		if how != reached || to == n.index {
			continue
		}
		o := n.s.nodes[to]
		if !n.canCopy(o) || o.source == n.index || o.state != Primary && !n.last().less(o.last()) {
			continue
		}
		if best < 0 || o.state == Primary && n.s.rng.IntN(4) > 0 {
			best = to
		}
	}
	return best
}

// copyFrom makes n's oplog the source's. What only n has is rolled back.
func (n *node) copyFrom(o *node) {
	if !n.last().less(o.last()) {
		n.report()
		return
	}
	same := min(len(n.log), len(o.log))
	for same > 0 && n.log[same-1] != o.log[same-1] {
		same--
	}
	n.log = append(n.log[:same], o.log[same:]...) // each has an array of its own
	n.commit = max(n.commit, min(o.commit, len(n.log)))
	n.report()
	n.tell()
}

// report tells the primary, along those whom it copies from, how far n is.
func (n *node) report() {
	at := n
	for range n.s.nodes {
		if at.source < 0 {
			return
		}
		up := n.s.nodes[at.source]
		if _, how := n.s.dial(at.index, up.host); how != reached {
			return
		}
		up.sees(n.term) // whoever voted in a newer term cannot acknowledge writes of an older one any more
		up.peer(n.host).last = n.last()
		if up.state == Primary {
			up.acknowledge()
			return
		}
		at = up
	}
}

// acknowledge moves on what a majority has, and answers those who waited for it.
func (n *node) acknowledge() {
	if n.state != Primary || len(n.log) == 0 {
		return
	}
	for i := len(n.log); i > n.commit; i-- {
		if n.log[i-1].term != n.term {
			break // what an older term wrote counts with the first entry of this one
		}
		if n.have(i, true) >= n.config.majority() {
			n.commit = i
			if n.won.Majority == 0 {
				n.won.Majority = n.s.now
			}
			break
		}
	}
	for i := 0; i < len(n.waiters); i++ {
		w := n.waiters[i]
		if w.need == 0 && n.commit < w.index || w.need > 0 && n.have(w.index, false) < w.need {
			continue
		}
		n.waiters = append(n.waiters[:i], n.waiters[i+1:]...)
		i--
		if w.need == 0 {
			n.s.acked = append(n.s.acked, ack{n.log[w.index-1].id, w.index})
		}
		w.reply(nil)
	}
}

// have counts the members, or the voters, that have the entry in that place, which n wrote in its own term.
func (n *node) have(index int, voters bool) (count int) {
	for i := range n.config.Members {
		m := &n.config.Members[i]
		if voters && m.votes() == 0 || m.Arbiter {
			continue
		}
		if m.Host == n.host {
			count++
		} else if p := n.peer(m.Host); p.last.term == n.term && p.last.index >= index {
			count++
		}
	}
	return count
}

// initialSync copies everything and throws away what was there.
func (n *node) initialSync() {
	if n.state != Startup2 || n.config == nil {
		return
	}
	n.log, n.data = nil, false
	for i := range n.config.Members {
		to, how := n.s.dial(n.index, n.config.Members[i].Host)
		if o := n.s.nodes[max(to, 0)]; how == reached && o != n && o.key == n.key && (o.state == Primary || o.state == Secondary) {
			n.log = append([]entry(nil), o.log...)
			n.commit, n.synced, n.state, n.source = o.commit, true, Secondary, to
			n.resetElection()
			n.report()
			return
		}
	}
	n.in(n.s.between(time.Second, 2*time.Second), n.initialSync)
}

// fail ends all that clients wait for.
func (n *node) fail(e *Error) {
	all := n.waiters
	n.waiters = nil
	for _, w := range all {
		w.reply(&Error{Code: e.Code, Name: e.Name, Message: e.Message, Written: true})
	}
}

// Insert writes a document with that id, and replies once w members have it; 0 = a majority.
func (s *Sim) Insert(host string, id int64, w int, reply func(*Error)) {
	n := s.node(host)
	if _, how := s.dial(n.index, host); how != reached {
		reply(errNetwork)
		return
	}
	if !n.writable {
		reply(fail(10107, "not primary"))
		return
	}
	n.waiters = append(n.waiters, &waiter{len(n.log) + 1, n.term, w, reply})
	n.append(id)
}

// Has reports whether a member has the document with that id.
func (s *Sim) Has(host string, id int64) bool {
	for _, e := range s.node(host).log {
		if e.id == id {
			return true
		}
	}
	return false
}

// Acked lists the ids of writes that were acknowledged by a majority.
func (s *Sim) Acked() (ids []int64) {
	for _, a := range s.acked {
		ids = append(ids, a.id)
	}
	return ids
}
