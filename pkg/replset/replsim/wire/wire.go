// Package wire lets the real driver talk to a simulated replica set: a listener for each server, MongoDB's wire protocol,
// and a clock that follows the real one. It translates and decides nothing: every rule is replsim's. No authentication,
// TLS, compression or cursors; for tests only.
package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/replset/replsim"
)

const tick = 20 * time.Millisecond

// Server serves one deployment. Whoever uses the Sim meanwhile does so in Do.
type Server struct {
	mu      sync.Mutex
	sim     *replsim.Sim
	started time.Time
	pace    int // how many times as fast as time itself; 0: once
	hosts   []string
	seen    map[string]*seen
	conns   map[string]map[net.Conn]bool
	before  func(host, command string, sim *replsim.Sim) *replsim.Error
	facts   map[string]*Facts
	dropped map[string][]string // whose connections a server was told to drop

	ctx  context.Context //nolint:containedctx // it lives as long as the server
	stop context.CancelFunc
	wg   sync.WaitGroup

	listening map[string]net.Listener // none: it is dialled by Dial alone
}

// seen counts the changes of what a server tells everybody.
type seen struct {
	print   string
	counter int64
}

// Listen starts a server in sim for every address, host:port, which is also its name in configurations.
func Listen(sim *replsim.Sim, addresses ...string) (*Server, error) {
	s := begin(sim)
	for _, a := range addresses {
		l, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", a)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("listen for a simulated server: %w", err)
		}
		host := l.Addr().String()
		s.listening[host] = l
		s.add(host)
	}
	for host, l := range s.listening {
		s.wg.Go(func() { s.accept(host, l) })
	}
	s.wg.Go(s.run)
	return s, nil
}

func begin(sim *replsim.Sim) *Server {
	s := &Server{
		sim: sim, started: time.Now().Add(-sim.Now()), seen: map[string]*seen{}, conns: map[string]map[net.Conn]bool{},
		facts: map[string]*Facts{}, dropped: map[string][]string{}, listening: map[string]net.Listener{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

func (s *Server) add(host string) {
	s.sim.Start(host, "", "key")
	s.hosts = append(s.hosts, host)
	s.seen[host], s.conns[host], s.facts[host] = &seen{}, map[net.Conn]bool{}, usual()
}

// Hosts are the names of all servers.
func (s *Server) Hosts() []string { return slices.Clone(s.hosts) }

// Close ends everything.
func (s *Server) Close() {
	s.stop()
	s.Do(func(*replsim.Sim) {
		for host := range s.conns {
			s.hangUp(host)
		}
	})
	s.wg.Wait()
}

// Do lets f use the simulation at the present time.
func (s *Server) Do(f func(*replsim.Sim)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	f(s.sim)
}

// Hurry lets the time of the servers pass so many times as fast as that of who asks. Call it before anything is asked.
func (s *Server) Hurry(times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace = times
}

// Kill ends a server's process, and with it its connections: whoever dials it is refused until it is started again.
func (s *Server) Kill(host string) {
	s.Do(func(sim *replsim.Sim) {
		sim.Kill(host)
		s.hangUp(host)
	})
}

func (s *Server) hangUp(host string) {
	if l := s.listening[host]; l != nil {
		_ = l.Close()
	}
	for c := range s.conns[host] {
		_ = c.Close()
	}
}

func (s *Server) advance() {
	if d := time.Since(s.started)*time.Duration(max(s.pace, 1)) - s.sim.Now(); d > 0 {
		s.sim.Run(d)
	}
}

// run moves the clock while nobody asks.
func (s *Server) run() {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
			s.Do(func(*replsim.Sim) {})
		}
	}
}

// again listens for a server that was started again, nil: this is the end.
func (s *Server) again(host string) net.Listener {
	for s.ctx.Err() == nil {
		s.sleep()
		var l net.Listener
		s.Do(func(sim *replsim.Sim) {
			if !sim.Up(host) || s.ctx.Err() != nil {
				return
			}
			var err error
			if l, err = (&net.ListenConfig{}).Listen(s.ctx, "tcp", host); err == nil {
				s.listening[host] = l
			}
		})
		if l != nil {
			return l
		}
	}
	return nil
}

func (s *Server) accept(host string, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			if l = s.again(host); l == nil {
				return
			}
			continue
		}
		if !s.take(host, c) {
			_ = c.Close() // as near to "refused" as a listener comes
		}
	}
}

// take lets a server have a connection, unless its process is gone.
func (s *Server) take(host string, c net.Conn) (alive bool) {
	s.Do(func(sim *replsim.Sim) {
		if alive = sim.Up(host); alive {
			s.conns[host][c] = true
		}
	})
	if alive {
		s.wg.Go(func() {
			s.converse(host, c)
			s.Do(func(*replsim.Sim) { delete(s.conns[host], c) })
			_ = c.Close()
		})
	}
	return alive
}

// converse answers what is asked on one connection, one after the other.
func (s *Server) converse(host string, c net.Conn) {
	for {
		q, err := read(c)
		if err != nil {
			return
		}
		reply, err := s.answer(host, q)
		if err != nil {
			return
		}
		if slices.Contains(notPrimary, number(reply, "code")) {
			reply = append(reply, s.topology(host))
		}
		if err := write(c, q, reply); err != nil {
			return
		}
	}
}

// notPrimary are the codes with which the server also says how new its view is: else a driver would ask again, and wait.
var notPrimary = []int64{189, 10107, 11602, 13435}

var errGone = errors.New("no answer")

// hold waits while the process hangs; its time is not up until it goes on.
func (s *Server) hold(host string) error {
	for {
		up, hangs := false, false
		s.Do(func(sim *replsim.Sim) { up, hangs = sim.Up(host), sim.Hangs(host) })
		switch {
		case !up || s.ctx.Err() != nil:
			return errGone
		case !hangs:
			return nil
		}
		s.sleep()
	}
}

func (s *Server) sleep() {
	select {
	case <-s.ctx.Done():
	case <-time.After(tick):
	}
}
