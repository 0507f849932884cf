package replsim

import (
	"fmt"
	"strings"
	"time"
)

const look = 30 * time.Millisecond // how often a command that waits looks again

// Reconfig is replSetReconfig. limit is maxTimeMS, 0 = none. reply is called once.
func (s *Sim) Reconfig(host string, c *Config, force bool, limit time.Duration, reply func(*Error)) {
	n := s.node(host)
	if _, how := s.dial(n.index, host); how != reached {
		reply(errNetwork)
		return
	}
	until := time.Duration(1<<62 - 1)
	if limit > 0 {
		until = s.now + limit
	}
	r := &reconfig{n: n, c: c, force: force, until: until, life: n.life, reply: reply}
	r.begin()
}

// reconfig is one command on its way.
type reconfig struct {
	n     *node
	c     *Config
	force bool
	until time.Duration
	life  int
	term  int64
	reply func(*Error)
}

// in goes on later; if the process died meanwhile, nobody ever answers.
func (r *reconfig) in(d time.Duration, do func()) {
	r.n.s.After(d, func() {
		switch {
		case r.n.life != r.life:
			r.reply(errNetwork)
		case r.n.paused:
			r.in(100*time.Millisecond, do)
		default:
			do()
		}
	})
}

// begin waits until the configuration that is there is committed, and asks the others.
func (r *reconfig) begin() {
	n := r.n
	switch {
	case n.config == nil:
		r.reply(fail(94, "no replset config has been received"))
	case n.state == Removed:
		r.reply(fail(93, "Our replica set config is invalid or we are not a member of it"))
	case !n.writable && !r.force:
		r.reply(fail(10107, "New config is rejected :: caused by :: replSetReconfig should only be run on a writable PRIMARY. Current state %s;", n.state))
	case !r.force && !n.committed():
		if n.s.now >= r.until {
			r.reply(fail(308, "Cannot run replSetReconfig because the current config: %s is not majority committed.", n.config))
			return
		}
		r.in(look, r.begin)
	case n.busy:
		r.reply(fail(109, "Cannot run replSetReconfig because the node is currently updating its configuration"))
	default:
		r.ask()
	}
}

// ask checks the configuration by itself and against the one that is there, and then the members of it.
func (r *reconfig) ask() {
	n, c := r.n, r.c
	if c.Identity == "" {
		c.Identity = n.config.Identity
	}
	c.Term = n.term
	for _, refused := range []*Error{c.parse(n.set), r.flips(), c.check(), c.follows(n.config, r.force), c.self(n.host, r.force)} {
		if refused != nil {
			r.reply(refused)
			return
		}
	}
	r.addNew()
	n.busy, r.term = true, n.term
	takes := 5 * time.Millisecond
	for i := range c.Members {
		if _, how := n.s.dial(n.index, c.Members[i].Host); how == silent && !r.force {
			takes = heartbeatTimeout
		}
	}
	r.in(takes, r.quorum)
}

// flips: the implicit default write concern may not change by a reconfig.
func (r *reconfig) flips() *Error {
	if r.c.implicitOne() == r.n.config.implicitOne() {
		return nil
	}
	return fail(103, "Reconfig attempted to install a config that would change the implicit default write concern. Use the setDefaultRWConcern command to set a cluster-wide write concern and try the reconfig again.")
}

// addNew: a new member with a vote does not have it before it has its data.
func (r *reconfig) addNew() {
	if r.force {
		return
	}
	c := *r.c
	c.Members = append([]Member(nil), c.Members...)
	for i := range c.Members {
		if m := &c.Members[i]; m.Votes > 0 && !m.Arbiter && !hasID(r.n.config, m.ID) {
			m.NewlyAdded = true
		}
	}
	r.c = &c
}

func (r *reconfig) quorum() {
	n := r.n
	n.busy = false
	if !n.writable && !r.force || n.term != r.term {
		r.reply(fail(10107, "New config is rejected :: caused by :: Safe reconfig is only allowed on a writable PRIMARY. Current state is %s", n.state))
		return
	}
	if n.s.now >= r.until {
		r.reply(fail(50, "operation exceeded time limit"))
		return
	}
	if !r.force {
		if refused := r.responses(); refused != nil {
			r.reply(refused)
			return
		}
	}
	if !r.force && !r.c.newer(n.config) {
		r.reply(r.c.follows(n.config, false))
		return
	}
	n.adopt(r.c)
	r.in(look, r.wait)
}

// responses refuses a configuration whose voters do not answer.
func (r *reconfig) responses() *Error {
	n, answered, electable := r.n, []string{}, false
	var deaf []string
	votes := 0
	for i := range r.c.Members {
		m := &r.c.Members[i]
		to, how := n.s.dial(n.index, m.Host)
		o := n.s.nodes[max(to, 0)]
		switch {
		case how == reached && o.set != n.set:
			return fail(103, "Our set name did not match that of the request target, requestTarget:%s", m.Host)
		case how != reached || o.key != n.key:
			deaf = append(deaf, m.Host+" failed with Error connecting to "+m.Host)
			continue
		}
		electable = electable || m.electable()
		if m.votes() > 0 {
			votes++
			answered = append(answered, m.Host)
		}
	}
	if votes < r.c.majority() {
		return fail(74, "Quorum check failed because not enough voting nodes responded; required %d but only the following %d voting nodes responded: %s; the following nodes did not respond affirmatively: %s",
			r.c.majority(), votes, strings.Join(answered, ", "), strings.Join(deaf, ", "))
	}
	if !electable {
		return fail(74, "Quorum check failed because no electable nodes responded; at least one required for config")
	}
	return nil
}

// wait answers once a majority has the configuration. It is in force before that.
func (r *reconfig) wait() {
	n := r.n
	switch {
	case n.state != Primary || n.term != r.term:
		r.reply(fail(11602, "operation was interrupted"))
	case n.spread():
		r.reply(nil)
	case n.s.now >= r.until:
		r.reply(fail(50, "Reconfig finished but failed to propagate to a majority :: caused by :: operation exceeded time limit"))
	default:
		r.in(look, r.wait)
	}
}

// adopt installs a configuration of n's own as primary, and tells the others at once. What they have of it n learns in
// its next round, or with luck in an answer that is due anyway.
func (n *node) adopt(c *Config) {
	if n.s.Installed != nil {
		n.s.Installed(n.host, n.config, c)
	}
	n.configIndex = n.commit
	n.install(c)
	n.acknowledge()
	n.in(time.Millisecond, n.ask)
	if n.s.rng.IntN(3) == 0 {
		n.in(n.s.between(40*time.Millisecond, 250*time.Millisecond), n.ask)
	}
}

// spread: a majority of the voters has the configuration.
func (n *node) spread() bool {
	got := 0
	for i := range n.config.Members {
		m := &n.config.Members[i]
		if m.Host == n.host {
			got += m.votes()
		} else if p := n.peer(m.Host); m.votes() > 0 && p.healthy && p.version == n.config.Version && p.term == n.config.Term {
			got++
		}
	}
	return got >= n.config.majority()
}

// committed: that, and a majority of its own voters has what was committed before it, and the first entry of this term.
func (n *node) committed() bool {
	return n.spread() && n.commit >= n.configIndex && n.have(n.configIndex, true) >= n.config.majority()
}

// Initiate makes a set of a server that is in none.
func (s *Sim) Initiate(host string, c *Config) *Error {
	n := s.node(host)
	if n.config != nil {
		return fail(23, "already initialized")
	}
	c.Version, c.Term = max(c.Version, 1), 1
	if c.Identity == "" {
		c.Identity = fmt.Sprintf("%024x", s.rng.Uint64())
	}
	for _, refused := range []*Error{c.parse(n.set), c.check(), c.self(host, false)} {
		if refused != nil {
			return refused
		}
	}
	n.synced, n.term, n.log = true, 0, []entry{{term: 0}}
	n.install(c)
	if c.voters() == 1 {
		n.in(30*time.Millisecond, func() { n.stand(byTimeout) })
	}
	return nil
}
