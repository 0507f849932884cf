package stepdown

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
)

// joined is a set to which the new members were added, the plan for it, and what join wrote down.
func joined(t *testing.T, rig *mongotest.Rig, old, fresh []string) (Deps, phasetest.Facts) {
	t.Helper()
	rig.Initiate(old...)
	p := &plan.Plan{Metadata: plan.Metadata{Name: "test"}}
	p.Spec.MongoDB = &plan.MongoDB{New: fresh, MaxLag: plan.Duration(5 * time.Second), Step: plan.Duration(2 * time.Minute)}
	s, err := replset.Open(replset.Options{URI: rig.URI(old...), Also: fresh, Dial: rig.Dial()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.WithoutCancel(t.Context())) })
	first := settled(t, s, old)
	facts := phasetest.Facts{members.FirstFact: first.Config}
	for _, host := range fresh {
		v := settled(t, s, nil)
		if err := s.Install(t.Context(), v.Config, v.Config.Plus(v.Config.MaxID()+1, host, nil)); err != nil {
			t.Fatal(err)
		}
		settled(t, s, []string{host})
	}
	return Deps{Plan: p, Mongo: s}, facts
}

// settled waits until the set is at rest and some members are in it.
func settled(t *testing.T, s *replset.Set, in []string) replset.View {
	t.Helper()
	why := ""
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		v, err := s.View(t.Context())
		if err != nil {
			why = err.Error()
			continue
		}
		if why = v.Unsettled() + v.Deaf(); why != "" {
			continue
		}
		if !slices.ContainsFunc(in, func(host string) bool {
			m, ok := v.Member(host)
			return !ok || !slices.Contains([]string{"PRIMARY", "SECONDARY"}, m.Status.State)
		}) {
			return v
		}
	}
	t.Fatalf("the set does not come to rest: %s", why)
	return replset.View{}
}

// run is one verb by the engine; j is the journal of all runs.
func run(t *testing.T, d Deps, j journal.Store, verb string) error {
	t.Helper()
	e := &engine.Engine{Store: j, Run: "test", Seed: "test", Poll: 200 * time.Millisecond, Grace: 5 * time.Second, Sink: told{t}}
	var err error
	switch verb {
	case "apply":
		_, err = e.Apply(t.Context(), New(d), engine.Options{})
	case "rollback":
		_, err = e.Rollback(t.Context(), New(d))
	}
	return err
}

type told struct{ t *testing.T }

func (s told) Emit(e engine.Event) {
	if slices.Contains([]engine.What{engine.Gate, engine.Begun, engine.Done, engine.Failed, engine.Reverted, engine.Watch}, e.What) {
		s.t.Logf("%s %s %s: %s %v", e.At.Format("05.000"), e.What, e.Step, e.Observation.Detail, e.Err)
	}
}

// remembered is a journal in which join has written down what the set was.
func remembered(t *testing.T, facts phasetest.Facts) journal.Store {
	t.Helper()
	j := &journal.Memory{}
	log, err := journal.Open(t.Context(), j, "test")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(facts[members.FirstFact])
	if err != nil {
		t.Fatal(err)
	}
	entry := journal.Entry{Phase: "join", Step: "record:replica-set", What: journal.Done, Facts: map[string]json.RawMessage{members.FirstFact: text}}
	if err := log.Append(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	return j
}

// again runs a verb as jobs would: one that went back because the machine was too slow for the even split is run again.
func again(t *testing.T, d Deps, j journal.Store, verb string) {
	t.Helper()
	var err error
	for range 5 {
		if err = run(t, d, j, verb); err == nil || !strings.Contains(err.Error(), "went back to before") {
			break
		}
		t.Logf("once more: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestThePrimaryMovesAndComesBack(t *testing.T) {
	rig := mongotest.Start(t, 6)
	old, fresh := rig.Hosts(0, 3), rig.Hosts(3, 6)
	d, facts := joined(t, rig, old, fresh)
	before := settled(t, d.Mongo, nil).Config
	j := remembered(t, facts)
	again(t, d, j, "apply")
	v := settled(t, d.Mongo, nil)
	if !slices.Contains(fresh, v.Primary) {
		t.Errorf("the primary is %s", v.Primary)
	}
	for _, m := range v.Config.Members() {
		if isNew := slices.Contains(fresh, m.Host); isNew != (m.Votes == 1) || isNew == m.Hidden {
			t.Errorf("%+v", m)
		}
	}
	gap(t, j, "ahead")
	again(t, d, j, "rollback")
	v = settled(t, d.Mongo, nil)
	if !v.Config.Same(before) || !slices.Contains(old, v.Primary) {
		t.Errorf("there and back it is %v with primary %s", v.Config, v.Primary)
	}
	gap(t, j, "back")
}

func gap(t *testing.T, j journal.Store, way string) {
	t.Helper()
	log, err := journal.Open(t.Context(), j, "test")
	if err != nil {
		t.Fatal(err)
	}
	var g replset.Gap
	for _, e := range log.Entries() {
		for key := range e.Facts {
			if strings.HasSuffix(key, "/"+way) {
				if ok, err := log.Fact(key, &g); err != nil || !ok && way == "ahead" {
					t.Errorf("%s: %v, %v", key, ok, err)
				}
			}
		}
	}
	if t.Log(g); way == "ahead" && (g.Writes == 0 || g.Lost != 0 || g.Hello <= 0 || g.Server <= 0 || g.Winner == "") {
		t.Errorf("the gap is %+v", g)
	}
}
