package reach_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/reach"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// swapping is a swap of two names by way of a relay, with a wire of which only updates go.
type swapping struct {
	server *zonetest.Server
	wire   zonetest.Wire
	first  uint32 // serial
	way    *road
	step   func() phase.Step
}

func swaps(t *testing.T, allow func(wire, server string) []string) *swapping {
	t.Helper()
	s := &swapping{server: zonetest.Start(t, zonetest.BIND, zonetest.Before, zonetest.Options{})}
	s.wire.Lay(t, "127.0.0.1", s.server)
	s.first = s.server.Serial(zonetest.Zone)
	var r *reach.Relay
	r, s.way = relayed(t, allow(s.wire.Addr, s.server.Addr)...)
	editor := rfc2136.New(zonetest.Zone, s.wire.Addr, zonetest.Key, zonetest.Algorithm, s.server.Secret)
	editor.By = r
	z := &zone.Zone{Name: zonetest.Zone, Editor: editor, Servers: func(context.Context) ([]zone.Server, error) {
		return []zone.Server{{Addr: s.server.Addr, By: r}}, nil
	}}
	s.step = func() phase.Step {
		m := zone.Move{Zone: z, Names: []string{"web.shop.test", "alias.shop.test"}, Title: "swap", Want: func(_ context.Context, name string, _ zone.Seen) ([]zone.Set, error) {
			return []zone.Set{{Name: name, Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}}, nil
		}}
		return m.Step()
	}
	return s
}

func both(wire, server string) []string {
	return []string{"tcp/" + wire, "tcp/" + server, "udp/" + server}
}

// sees wants a step of another process to see that much.
func (s *swapping) sees(t *testing.T, want phase.State, writes uint32) phase.Step {
	t.Helper()
	step := s.step()
	o, err := step.Observe(t.Context())
	if err != nil || o.State != want || s.server.Serial(zonetest.Zone) != s.first+writes {
		t.Fatalf("%v after %d writes: %s (%v)", o.State, s.server.Serial(zonetest.Zone)-s.first, o.Detail, err)
	}
	return step
}

func TestAWayThatIsCutAfterTheUpdateLosesNoWordOfIt(t *testing.T) {
	s := swaps(t, both)
	step := s.sees(t, phase.Pending, 0)
	s.wire.Answered = func() bool { s.way.cut(); return false }
	if err := step.Apply(t.Context()); err != nil {
		t.Errorf("it is written, and the step says %v", err)
	}
	s.sees(t, phase.Done, 1)
}

func TestAWayThatIsCutBeforeTheUpdateChangesNothing(t *testing.T) {
	s := swaps(t, both)
	step := s.sees(t, phase.Pending, 0)
	s.wire.Asked = func() bool { s.way.cut(); return true }
	if err := step.Apply(t.Context()); !errors.As(err, new(*reach.BrokenError)) || errors.Is(err, phase.ErrMoved) || fault.CodeOf(err) != fault.Unknown {
		t.Errorf("nothing is written, and the step says %v", err)
	}
	step = s.sees(t, phase.Pending, 0)
	s.wire.Asked = nil
	must(t, step.Apply(t.Context()))
	s.sees(t, phase.Done, 1)
}

func TestAZoneIsNotTouchedWhileNoWayLeadsToTheRelay(t *testing.T) {
	s := swaps(t, both)
	s.way.fail.Store(1000)
	_, err := s.step().Observe(t.Context())
	if !errors.As(err, new(*reach.BrokenError)) || fault.CodeOf(err) != fault.Unknown || !strings.Contains(err.Error(), "read zone shop.test") {
		t.Errorf("could not tell, and it says %v", err)
	}
	s.way.fail.Store(0)
	s.sees(t, phase.Pending, 0)
}

func TestAServerThatTheRelayMayNotDialIsANo(t *testing.T) {
	for about, allow := range map[string]func(wire, server string) []string{
		"who takes the updates": func(_, server string) []string { return []string{"tcp/" + server, "udp/" + server} },
		"a name server":         func(wire, _ string) []string { return []string{"tcp/" + wire} },
		"a name server, by UDP": func(wire, server string) []string { return []string{"tcp/" + wire, "tcp/" + server} },
	} {
		s := swaps(t, allow)
		_, err := s.step().Observe(t.Context())
		if fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), "the relay in old may not dial 127.0.0.1:") || s.server.Serial(zonetest.Zone) != s.first {
			t.Errorf("%s: %v", about, err)
		}
	}
}
