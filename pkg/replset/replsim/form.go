package replsim

import "time"

// Form makes a set of servers that are started, as if it had been there for long: all have their data, one is primary.
func (s *Sim) Form(c *Config, primary string) {
	c.Version, c.Term, c.Identity = max(c.Version, 1), 1, "0123456789abcdef01234567"
	for i := range c.Members {
		n := s.node(c.Members[i].Host)
		n.synced, n.term, n.voted, n.log = true, 1, 1, []entry{{term: 1}}
		n.install(c)
		n.leader = primary
	}
	p := s.node(primary)
	p.state, p.writable, p.opened, p.won, p.configIndex = Primary, true, true, Won{Term: 1, Reason: byTimeout, At: s.now, Open: s.now}, 1
	for i := range c.Members {
		for j := range c.Members {
			s.node(c.Members[j].Host).heartbeatIfOther(c.Members[i].Host)
		}
	}
	p.acknowledge()
	s.Run(time.Second)
}

func (n *node) heartbeatIfOther(host string) {
	if host != n.host {
		n.heartbeat(host)
	}
}
