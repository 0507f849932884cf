package stepdown

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/replset/replsim"
)

// before runs something before a change of the configuration is sent.
type before struct {
	net.Conn
	run func()
}

func (c before) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("replSetReconfig")) {
		c.run()
	}
	return c.Conn.Write(b)
}

// votes are the steps of the way there up to the one into the even split.
func votes(t *testing.T, d Deps, facts phasetest.Facts) (all []phase.Step) {
	t.Helper()
	groups, err := New(d).Steps(t.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		for _, s := range g.Lanes[0] {
			if all = append(all, s); s.Watch != nil {
				return all
			}
		}
	}
	t.Fatal("there is no even split")
	return nil
}

// The link is cut as the even split is taken back, and its primary steps down under that: it is asked for again, and not given up.
func TestTheWayBackOutlivesThePrimaryThatItWasAskedOf(t *testing.T) {
	sim, d, facts := simulated(t, 3, 3)
	for _, s := range votes(t, d, facts) {
		if err := s.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		settled(t, d.Mongo, nil)
	}
	var once sync.Once
	cut := func() {
		late := make(chan struct{})
		sim.Do(func(s *replsim.Sim) {
			for i, from := range sim.Hosts() {
				for j, to := range sim.Hosts() {
					s.Cut(from, to, (i < 3) != (j < 3))
				}
			}
			// As time passes there, it steps down before it has asked the others, who do not answer for ten seconds.
			s.After(7500*time.Millisecond, func() { close(late) })
		})
		<-late
	}
	d.Mongo = d.Mongo.Through(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return before{conn, func() { once.Do(cut) }}, nil
	})
	t.Cleanup(func() { d.Mongo.Close(context.WithoutCancel(t.Context())) })
	all := votes(t, d, facts)
	if err := all[len(all)-1].Revert(t.Context(), nil); !errors.Is(err, phase.ErrMoved) {
		t.Errorf("the way back ends with %v", err)
	}
}
