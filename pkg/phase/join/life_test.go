package join

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

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

// asked asks the preconditions that are named, or all, until each is no longer to be waited for, and returns what those said that
// are no yes.
func asked(t *testing.T, d Deps, ids ...string) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, g := range gates(d, phasetest.Facts{}) {
		if len(ids) > 0 && !slices.Contains(ids, g.ID) {
			continue
		}
		for range 60 {
			o, err := g.Observe(t.Context())
			if err != nil {
				said[g.ID] = "could not tell: " + err.Error()
				break
			}
			if said[g.ID] = o.Detail; o.State == phase.Done {
				delete(said, g.ID)
			}
			if o.State != phase.Settling || !strings.Contains(o.Detail, "is looked at for") && !strings.Contains(o.Detail, "is STARTUP") {
				break
			}
			time.Sleep(250 * time.Millisecond)
		}
	}
	return said
}

// want asks one precondition and wants a no of these words.
func want(t *testing.T, when string, d Deps, id, text string) {
	t.Helper()
	if said := asked(t, d, id); !strings.Contains(said[id], text) {
		t.Errorf("%s: %s says %q, want %q", when, id, said[id], text)
	}
}

// Each of these the server itself would take, or find out too late.
func TestEveryPreconditionHasANoOfItsOwn(t *testing.T) {
	t.Parallel()
	rig := mongotest.Start(t, 5)
	old, fresh, foreign := rig.Hosts(0, 3), rig.Mongods[3], rig.Mongods[4]
	rig.Initiate(old...)
	d := deps(t, rig, old, []string{fresh.Host})
	if said := asked(t, d); len(said) > 0 {
		t.Fatalf("all is well, and it says %q", said)
	}
	d.Plan.Spec.MongoDB.Wipe = ""
	want(t, "nobody may look", d, "prove:no-data", "cannot be seen before they are in the set")
	d.Plan.Spec.MongoDB.Wipe = plan.Accepted

	rig.Initiate(foreign.Host)
	d.Plan.Spec.MongoDB.New = []string{foreign.Host}
	want(t, "a set of its own", d, "prove:not-initiated", "in a replica set of its own already, rs0")

	d.Plan.Spec.MongoDB.New = []string{old[1]}
	if said := asked(t, d); len(said) > 0 { // it is in the set, and no first configuration is known: record says so
		t.Errorf("a member that is there already: %q", said)
	}
	o, err := record(d, phasetest.Facts{}).Observe(t.Context())
	if err != nil || o.State != phase.Failed || !strings.Contains(o.Detail, "is in the replica set already") {
		t.Errorf("record says %v, %v", o, err)
	}

	d.Plan.Spec.MongoDB.New = []string{"nowhere.invalid:27017"}
	want(t, "a name that does not resolve", d, "prove:names", "does not resolve")
	d.Plan.Spec.MongoDB.New = []string{"127.0.1.9:1"}
	want(t, "nobody listens", d, "prove:names", "does not answer")

	d.Plan.Spec.MongoDB.New = []string{fresh.Host}
	fresh.Pause(t)
	want(t, "a member hangs", d, "prove:names", "hangs")
	fresh.Resume(t)
	rig.Mongods[1].Pause(t)
	want(t, "an old member hangs", d, "prove:members-well", "hangs")
	rig.Mongods[1].Resume(t)
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
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
		if after := w.State(); !slices.Equal(before.([]path.Member), after.([]path.Member)) {
			t.Errorf("%s: the set was %v and is %v", why, before, after)
		}
	}
}
