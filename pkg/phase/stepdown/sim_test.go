package stepdown

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/replsim"
	"cutover.dev/cutover/pkg/replset/replsim/wire"
)

// simulated is a set of old and new members, the new ones joined, whose time passes quickly.
func simulated(t *testing.T, old, fresh int) (*wire.Server, Deps, phasetest.Facts) {
	t.Helper()
	var addresses []string
	for i := range old + fresh {
		addresses = append(addresses, "127.0.4."+strconv.Itoa(i+1)+":0")
	}
	s, err := wire.Listen(replsim.New(1), addresses...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Hurry(5)
	hosts := s.Hosts()
	c := &replsim.Config{Name: "rs0"}
	for i, h := range hosts[:old] {
		c.Members = append(c.Members, replsim.Member{ID: i, Host: h, Votes: 1, Priority: 1})
	}
	s.Do(func(sim *replsim.Sim) { sim.Form(c, hosts[0]) })
	p := &plan.Plan{Metadata: plan.Metadata{Name: "test"}}
	p.Spec.MongoDB = &plan.MongoDB{New: hosts[old:], MaxLag: plan.Duration(2 * time.Second), Step: plan.Duration(time.Minute)}
	set, err := replset.Open(replset.Options{URI: "mongodb://" + hosts[0], Also: hosts[old:]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close(context.WithoutCancel(t.Context())) })
	facts := phasetest.Facts{members.FirstFact: settled(t, set, hosts[:old]).Config}
	for _, host := range hosts[old:] {
		v := settled(t, set, nil)
		if err := set.Install(t.Context(), v.Config, v.Config.Plus(v.Config.MaxID()+1, host, nil)); err != nil {
			t.Fatal(err)
		}
		settled(t, set, []string{host})
	}
	return s, Deps{Plan: p, Mongo: set}, facts
}

var errDead = errors.New("the process is dead")

// mortal is the journal of a process that dies right after its n-th append.
type mortal struct {
	journal.Store
	left int
	die  context.CancelFunc
}

func (m *mortal) Append(ctx context.Context, version string, batch []journal.Entry) (string, error) {
	if m.left <= 0 {
		return "", errDead
	}
	next, err := m.Store.Append(ctx, version, batch)
	if m.left--; m.left == 0 {
		m.die()
		return "", errDead
	}
	return next, err
}

// Each process dies after its second entry: once a step was begun, once it was done, all along the way and back.
func TestProcessesThatDieAllAlongTheWayArrive(t *testing.T) {
	_, d, facts := simulated(t, 1, 3)
	before := settled(t, d.Mongo, nil).Config
	j := remembered(t, facts)
	for _, verb := range []string{"apply", "rollback"} {
		dead := 0
		for ; ; dead++ {
			ctx, die := context.WithCancel(t.Context())
			e := &engine.Engine{Store: &mortal{j, 2, die}, Run: "test", Seed: "test", Poll: 50 * time.Millisecond, Grace: time.Millisecond}
			var err error
			if verb == "apply" {
				_, err = e.Apply(ctx, New(d), engine.Options{})
			} else {
				_, err = e.Rollback(ctx, New(d))
			}
			die()
			if err == nil {
				break
			}
			if dead > 60 {
				t.Fatalf("%s does not come to its end: %v", verb, err)
			}
		}
		v := settled(t, d.Mongo, nil)
		isNew := slices.Contains(d.Plan.Spec.MongoDB.New, v.Primary)
		if isNew != (verb == "apply") || dead < 5 {
			t.Errorf("%s: the primary is %s after %d deaths", verb, v.Primary, dead)
		}
	}
	if v := settled(t, d.Mongo, nil); !v.Config.Same(before) {
		t.Errorf("there and back it is %v", v.Config)
	}
}
