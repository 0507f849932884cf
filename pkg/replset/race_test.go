package replset

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// race is the set as somebody reaches it who is overtaken: first runs before each of its changes is sent, which sent counts.
func race(t *testing.T, rs *Set, first func(sent int)) (*Set, *atomic.Int32) {
	t.Helper()
	var sent atomic.Int32
	late := rs.Through(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return overtaken{conn, func() { first(int(sent.Add(1))) }}, nil
	})
	t.Cleanup(func() { late.Close(context.WithoutCancel(t.Context())) })
	return late, &sent
}

type overtaken struct {
	net.Conn
	first func()
}

func (c overtaken) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("replSetReconfig")) {
		c.first()
	}
	return c.Conn.Write(b)
}

// overtake is a change by somebody else that is over before ours is sent.
func overtake(t *testing.T, sim *wire.Server, primary string, change func(*replsim.Config)) {
	t.Helper()
	answered := make(chan *replsim.Error, 1)
	sim.Do(func(s *replsim.Sim) {
		now, _, _ := s.GetConfig(primary, false)
		c := *now
		c.Members = append([]replsim.Member(nil), now.Members...)
		c.Version++
		change(&c)
		s.Reconfig(primary, &c, false, 0, func(e *replsim.Error) { answered <- e })
	})
	if e := <-answered; e != nil {
		t.Errorf("the other change ended with %v", e)
	}
}

func TestTheSecondOfTwoWritersLooksAgain(t *testing.T) {
	sim, rs, v := simulated(t, "127.0.7.")
	want := v.Config.With(sim.Hosts()[3], 0, 0, false)
	late, sent := race(t, rs, func(n int) {
		if n == 1 {
			overtake(t, sim, v.Primary, func(*replsim.Config) {})
		}
	})
	if err := late.Install(t.Context(), v.Config, want); err != nil || sent.Load() != 2 {
		t.Errorf("after the same once more: %v, sent %d times", err, sent.Load())
	}
	now, err := rs.View(t.Context())
	if err != nil || !now.Config.Same(want) || now.Config.Version() != v.Config.Version()+2 {
		t.Errorf("in force is %v (%v), it was %v", now.Config, err, v.Config)
	}
	late, sent = race(t, rs, func(int) { overtake(t, sim, v.Primary, func(c *replsim.Config) { c.Members[2].Priority = 0.5 }) })
	if err := late.Install(t.Context(), want, v.Config); !errors.Is(err, phase.ErrMoved) || sent.Load() != 1 {
		t.Errorf("after another one: %v, sent %d times", err, sent.Load())
	}
}

// What the server does not like it says with the code that the second of two writers gets too.
func TestARefusalIsFinalOnceNothingElseMovedBetweenTwo(t *testing.T) {
	sim, rs, v := simulated(t, "127.0.8.")
	var others []string
	for _, m := range v.Config.Members() {
		if m.Votes == 1 && m.Host != v.Primary {
			others = append(others, m.Host)
		}
	}
	bad := v.Config.With(others[0], 0, 0, false).With(others[1], 0, 0, false) // two votes at once
	late, sent := race(t, rs, func(int) {})
	if err := late.Install(t.Context(), v.Config, bad); fault.CodeOf(err) != fault.Refused || CodeOf(err) != codeIncompatible || sent.Load() != 2 {
		t.Errorf("while nothing moves: %v, sent %d times", err, sent.Load())
	}
	late, sent = race(t, rs, func(n int) {
		if n <= 2 {
			overtake(t, sim, v.Primary, func(*replsim.Config) {})
		}
	})
	if err := late.Install(t.Context(), v.Config, bad); fault.CodeOf(err) != fault.Refused || sent.Load() != 4 {
		t.Errorf("while others move it twice: %v, sent %d times", err, sent.Load())
	}
	if now, err := rs.View(t.Context()); err != nil || !now.Config.Same(v.Config) || now.Config.Version() != v.Config.Version()+2 {
		t.Errorf("in force is %v (%v), it was %v", now.Config, err, v.Config)
	}
}

func TestARefusalIsFinalOnlyOfTheConfigurationThatIsInForce(t *testing.T) {
	sim, rs, v := simulated(t, "127.0.11.")
	want := v.Config.With(sim.Hosts()[3], 0, 0, false)
	for _, code := range []int32{codeIncompatible, codeNotElectable} {
		said := &Error{Host: v.Primary, Command: "replSetReconfig", Kind: Answered, Code: code, Err: errors.New("in whatever words")}
		if _, err := rs.after(t.Context(), v.Config, want, said, true); fault.CodeOf(err) != fault.Refused {
			t.Errorf("%d of the one that is in force: %v", code, err)
		}
		before := Config{set(clone(v.Config.doc), "version", int32(v.Config.Version()-1))} //nolint:gosec // small
		if done, err := rs.after(t.Context(), before, want, said, true); done || err != nil {
			t.Errorf("%d of one before it, which said the same: %v, %v", code, done, err)
		}
	}
}

func TestWhoWasPrimaryAndIsNoMoreIsNoRefusal(t *testing.T) {
	sim, rs, v := simulated(t, "127.0.12.")
	for _, m := range v.Config.Members() {
		if m.Votes == 1 && m.Host != v.Primary {
			sim.Kill(m.Host)
		}
	}
	said := &Error{Host: v.Primary, Command: "replSetReconfig", Kind: Answered, Code: codeNotWritable, Err: errors.New("in whatever words")}
	want := v.Config.With(sim.Hosts()[3], 0, 0, false)
	for now := v; now.Primary != ""; {
		var err error
		if now, err = rs.View(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := rs.after(t.Context(), v.Config, want, said, false); !errors.Is(err, ErrNoPrimary) || CodeOf(err) != codeNotWritable || fault.CodeOf(err) == fault.Refused {
		t.Errorf("with nobody left to ask: %v", err)
	}
}
