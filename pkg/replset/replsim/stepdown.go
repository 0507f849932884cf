package replsim

import "time"

// StepDown is replSetStepDown. limit is maxTimeMS, 0 = none.
func (s *Sim) StepDown(host string, period, catchUp time.Duration, force bool, limit time.Duration, reply func(*Error)) {
	n := s.node(host)
	if _, how := s.dial(n.index, host); how != reached {
		reply(errNetwork)
		return
	}
	switch {
	case period < catchUp:
		reply(fail(2, "stepdown period must be longer than secondaryCatchUpPeriodSecs"))
	case period < 0 || catchUp < 0:
		reply(fail(2, "stepdown period must be a positive integer"))
	case n.state != Primary:
		reply(fail(10107, "not primary so can't step down"))
	case n.stepping:
		reply(fail(117, "This node is already in the process of stepping down"))
	default:
		n.stepping, n.writable = true, false
		d := &stepDown{n: n, period: period, until: s.now + catchUp, limit: 1<<62 - 1, force: force, life: n.life, term: n.term, reply: reply}
		if limit > 0 {
			d.limit = s.now + limit
		}
		d.wait()
	}
}

type stepDown struct {
	n            *node
	period       time.Duration
	until, limit time.Duration
	force        bool
	life         int
	term         int64
	reply        func(*Error)
}

func (d *stepDown) in(after time.Duration, do func()) {
	d.n.s.After(after, func() {
		switch {
		case d.n.life != d.life:
			d.reply(errNetwork)
		case d.n.paused:
			d.in(100*time.Millisecond, do)
		default:
			do()
		}
	})
}

// wait keeps the writes away until enough members have everything, or gives up and lets them in again.
func (d *stepDown) wait() {
	n := d.n
	switch {
	case n.state != Primary || n.term != d.term:
		d.reply(fail(189, "While waiting for secondaries to catch up before stepping down, this node decided to step down for other reasons"))
	case n.caughtUp() || d.force && n.s.now >= d.until:
		d.hand()
	case n.s.now >= d.until:
		n.stepping, n.writable = false, n.opened
		d.reply(fail(262, "No electable secondaries caught up as of %s. Please use the replSetStepDown command with the argument {force: true} to force node to step down.", n.s.now))
	case n.s.now >= d.limit:
		n.stepping, n.writable = false, n.opened
		d.reply(fail(50, "operation exceeded time limit"))
	default:
		d.in(look, d.wait)
	}
}

// caughtUp: a majority of the voters has the last entry, and one of them can be elected, as far as n knows.
func (n *node) caughtUp() bool {
	have, electable := 0, false
	for i := range n.config.Members {
		m := &n.config.Members[i]
		switch p := n.peer(m.Host); {
		case m.Host == n.host:
			have += m.votes()
		case m.votes() > 0 && p.healthy && p.last == n.last():
			have++
			electable = electable || m.electable() && p.state == Secondary
		}
	}
	return electable && have >= n.config.majority()
}

// hand makes the primary a secondary, and asks the best of the others to stand at once. Nothing follows if it cannot.
func (d *stepDown) hand() {
	n := d.n
	best := -1
	for i := range n.config.Members {
		m := &n.config.Members[i]
		p := n.peer(m.Host)
		if m.Host == n.host || !m.electable() || !p.healthy || p.state != Secondary || p.last != n.last() {
			continue
		}
		if best < 0 || m.Priority > n.config.Members[best].Priority {
			best = i
		}
	}
	n.steppedUntil = n.s.now + d.period
	n.resign("stepped down")
	if best >= 0 && !d.force {
		to, how := n.s.dial(n.index, n.config.Members[best].Host)
		n.s.After(n.s.between(5*time.Millisecond, 20*time.Millisecond), func() {
			if o := n.s.nodes[max(to, 0)]; how == reached && o.up && !o.paused && o.mayStand() {
				o.stand(byHandoff)
			}
		})
	}
	d.reply(nil)
}

// Freeze is replSetFreeze: for that long a secondary does not stand for election. 0 also ends a step-down's period.
func (s *Sim) Freeze(host string, d time.Duration) *Error {
	n := s.node(host)
	switch {
	case n.paused || !n.up:
		return errNetwork
	case n.state == Primary:
		return fail(95, "Cannot freeze node when primary or running for election, state: Primary")
	case d == 0:
		n.frozenUntil, n.steppedUntil = 0, 0
	default:
		n.frozenUntil = s.now + d
	}
	if n.state == Secondary {
		n.resetElection()
	}
	return nil
}
