package join

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/replset/path"
)

// deps is a plan for a set of old members that gets new ones.
func deps(t *testing.T, rig *mongotest.Rig, old, fresh []string) Deps {
	t.Helper()
	p := &plan.Plan{Metadata: plan.Metadata{Name: "test"}}
	p.Spec.MongoDB = &plan.MongoDB{New: fresh, MaxLag: plan.Duration(5 * time.Second), Wipe: plan.Accepted, Step: plan.Duration(time.Minute)}
	p.Spec.Windows.Lag = plan.Duration(500 * time.Millisecond)
	s, err := replset.Open(replset.Options{URI: rig.URI(old...), Also: fresh})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.WithoutCancel(t.Context())) })
	return Deps{Plan: p, Mongo: s}
}

// world is the set: how often its configuration changed, and what it is but for that and the _ids.
func world(t *testing.T, s *replset.Set) phasetest.World {
	config := func() path.Config {
		for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
			v, err := s.View(context.WithoutCancel(t.Context()))
			if err == nil && v.Primary != "" {
				return v.Config.Plan()
			}
			if time.Now().After(end) {
				t.Fatalf("the set has no primary: %v", err)
			}
		}
	}
	return phasetest.World{
		Writes: func() int { return int(config().Version) },
		State: func() any {
			members := config().Members
			for i := range members {
				members[i].ID = 0
			}
			return members
		},
		Turn: func() { time.Sleep(200 * time.Millisecond) },
	}
}

func TestMembersJoinAndLeaveOneByOne(t *testing.T) {
	t.Parallel()
	rig := mongotest.Start(t, 3)
	old, fresh := rig.Hosts(0, 1), rig.Hosts(1, 3)
	rig.Initiate(old...)
	d := deps(t, rig, old, fresh)
	phasetest.TestPhase(t, world(t, d.Mongo), func() phase.Phase { return New(d) })
}

func TestAMemberThatIsNoneIsRemovedAgainAtOnce(t *testing.T) {
	t.Parallel()
	rig := mongotest.Start(t, 1)
	rig.Initiate(rig.Mongods[0].Host)
	key := rig.Another("", "YW5vdGhlciBrZXkgb2YgdGhlIHRlc3Q")
	name := rig.Another("other", "")
	for host, why := range map[string]string{key.Host: "keyFile", name.Host: "set name"} {
		d := deps(t, rig, rig.Hosts(0, 1), []string{host})
		w := world(t, d.Mongo)
		before := w.State()
		m := &member{d: d, past: phasetest.Facts{}, host: host}
		err := m.step().Apply(t.Context())
		if err == nil || !strings.Contains(err.Error(), why) || fault.CodeOf(err) != fault.Refused {
			t.Errorf("%s: %v, code %d", why, err, fault.CodeOf(err))
		}
		if after := w.State(); !slices.Equal(before.([]path.Member), after.([]path.Member)) {
			t.Errorf("%s: the set was %v and is %v", why, before, after)
		}
	}
}
