package join

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/replset/replsim"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
)

// world is the set as phasetest sees it.
func (s *simulation) world() phasetest.World {
	w := world(s.t, s.d.Mongo)
	w.Slow, w.Turn = true, nil // the engine waits by itself
	return w
}

// quick is the phase without the one gate that watches the set for ten seconds, which many processes would wait for.
func quick(d Deps) phase.Phase {
	p := New(d)
	steps := p.Steps
	p.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := steps(ctx, past)
		for i, g := range groups {
			groups[i].Before = slices.DeleteFunc(g.Before, func(s phase.Step) bool { return s.ID == "prove:nobody-else" })
		}
		return groups, err
	}
	return p
}

// A process may die between any two of its writes, to the set or to the journal, there and back: the next one goes on.
func TestMembersJoinAndLeaveWhereverAProcessIsKilled(t *testing.T) {
	t.Parallel()
	s := simulate(t, 40, 3, 2, nil)
	phasetest.TestCrashes(t, s.world(), func() phase.Phase { return quick(s.d) })
	s.forgotten()
}

// forgotten wants each old member to have been told to drop its connections to each new one, as it left.
func (s *simulation) forgotten() {
	s.t.Helper()
	for _, o := range s.old {
		for _, n := range s.fresh {
			if !slices.Contains(s.Dropped(o), n) {
				s.t.Errorf("%s was not told to drop its connections to %s", o, n)
			}
		}
	}
}

// What answers at a new member's name may be none: the server takes it, and it is removed again at once. Without dropped connections
// the others would go on asking for it, and elections wait for that.
func TestABadJoinIsRemovedAndItsConnectionsAreDropped(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(*replsim.Sim, string)
		why   string
	}{
		"another key": {func(sim *replsim.Sim, host string) { sim.Start(host, "", "another") }, "it has another keyFile"},
		"a set of its own of the same name": {func(sim *replsim.Sim, host string) {
			_ = sim.Initiate(host, &replsim.Config{Name: "rs0", Members: []replsim.Member{{Host: host, Votes: 1, Priority: 1}}})
		}, "it belongs to a replica set of its own with the same name"},
		"a name that hangs in lookup": {func(sim *replsim.Sim, host string) { sim.Unresolvable(host, true) }, "the primary never heard it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulate(t, 5, 2, 2, nil)
			s.joins(s.fresh[0]) // one that is well, and is told too
			s.sim(func(sim *replsim.Sim) { c.fault(sim, s.fresh[1]) })
			before := s.world().State()
			err := (&member{d: s.d, past: phasetest.Facts{}, host: s.fresh[1]}).step().Apply(t.Context())
			if err == nil || fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), s.fresh[1]+" was added and is removed again: "+c.why) {
				t.Errorf("it says %v", err)
			}
			if hints := strings.Join(fault.Hints(err), "; "); !strings.Contains(hints, "put that right, then run the phase again") {
				t.Errorf("what to do is %q", hints)
			}
			if after := s.world().State(); !reflect.DeepEqual(before, after) {
				t.Errorf("the set was %v and is %v", before, after)
			}
			for _, host := range append(slices.Clone(s.old), s.fresh[0]) {
				if got := s.Dropped(host); !slices.Equal(got, s.fresh[1:]) {
					t.Errorf("%s was told to drop its connections to %q", host, got)
				}
			}
		})
	}
}
