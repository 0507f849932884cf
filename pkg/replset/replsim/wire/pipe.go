package wire

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"cutover.dev/cutover/pkg/replset/replsim"
)

// Serve starts a server in sim for every host, without a network: connections are made by Dial alone, so that servers and who asks
// them can live in one bubble of testing/synctest, where hours pass at once.
func Serve(sim *replsim.Sim, hosts ...string) *Server {
	s := begin(sim)
	for _, h := range hosts {
		s.add(h)
	}
	s.wg.Go(s.run)
	return s
}

// Dial connects to a server by its name.
func (s *Server) Dial(_ context.Context, network, host string) (net.Conn, error) {
	near, far := net.Pipe()
	if _, known := s.conns[host]; known && s.take(host, far) {
		return near, nil
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%s: %w", host, syscall.ECONNREFUSED)}
}

// Well is the answer that a command was carried out.
var Well = &replsim.Error{Code: -1}

// Before has f called before each command is carried out, but for those of a driver that connects. What it returns, unless it is nil,
// is the answer, and nothing is done; with the code replsim.Network there is none.
func (s *Server) Before(f func(host, command string, sim *replsim.Sim) *replsim.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

func (s *Server) intercept(host, command string) (no *replsim.Error) {
	s.Do(func(sim *replsim.Sim) {
		if s.before != nil && command != "isMaster" && command != "ismaster" {
			no = s.before(host, command, sim)
		}
	})
	return no
}
