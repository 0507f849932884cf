package join

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/replset/replsim"
)

// job is one process of the tool. It dies as soon as it says this, "" it does not.
func job(t *testing.T, d Deps, j journal.Store, dies string) error {
	t.Helper()
	ctx, die := context.WithCancel(t.Context())
	defer die()
	e := &engine.Engine{Store: j, Run: "test", Seed: "test", Poll: 100 * time.Millisecond, Grace: time.Millisecond, Sink: phasetest.Hear(func(e engine.Event) {
		if dies != "" && strings.Contains(e.Observation.Detail, dies) {
			die()
		}
	})}
	_, err := e.Apply(ctx, quick(d), engine.Options{})
	return err
}

// comesBack wants a job to end with nothing wrong, and to say when to come back and how far the copy is.
func comesBack(t *testing.T, d Deps, j journal.Store, words ...string) time.Duration {
	t.Helper()
	err := job(t, d, j, "")
	wait, ok := errors.AsType[*engine.NotBefore](err)
	if !ok || errors.Is(err, engine.ErrNo) {
		t.Fatalf("the job ends with %v", err)
	}
	for _, w := range words {
		if !strings.Contains(wait.Why, w) {
			t.Errorf("want %q in %q", w, wait.Why)
		}
	}
	return time.Until(wait.Until)
}

func TestALongInitialSyncOutlivesJobs(t *testing.T) {
	t.Parallel()
	s := simulate(t, 1, 1, 1, nil) // no faster than time itself: how long a busy machine takes is nothing to half an hour
	s.sim(func(sim *replsim.Sim) { sim.Size, sim.Takes = 40<<30, 5*time.Hour })
	j := &journal.Memory{}
	if err := job(t, s.d, j, "copies its data"); err == nil {
		t.Fatal("it does not die")
	}
	if left := comesBack(t, s.d, j, s.fresh[0]+" copies its data (STARTUP2)", "of 40960.0 MiB", ", about 4h"); left > longestNap || left < longestNap-10*time.Minute {
		t.Errorf("it wants to come back in %s, want the longest nap", left)
	}
	s.Skip(4*time.Hour + 30*time.Minute)
	if left := comesBack(t, s.d, j, ": 3", " of 40960.0 MiB, about "); left > 30*time.Minute || left < 3*time.Minute {
		t.Errorf("it wants to come back in %s, want the half hour that is left", left)
	}
	s.Skip(30 * time.Minute)
	if err := job(t, s.d, j, ""); err != nil {
		t.Errorf("all is copied, and the job ends with %v", err)
	}
}

func TestAMemberThatStillCopiesLeavesAgain(t *testing.T) {
	t.Parallel()
	s := simulate(t, 20, 1, 1, nil)
	s.sim(func(sim *replsim.Sim) { sim.Size, sim.Takes = 40<<30, 5*time.Hour })
	before, j := s.world().State(), &journal.Memory{}
	if err := job(t, s.d, j, "copies its data"); err == nil {
		t.Fatal("it does not die")
	}
	e := &engine.Engine{Store: j, Run: "test", Seed: "test", Poll: 100 * time.Millisecond, Grace: time.Second}
	if _, err := e.Rollback(t.Context(), quick(s.d)); err != nil || !reflect.DeepEqual(before, s.world().State()) {
		t.Errorf("the set was %v and is %v (%v)", before, s.world().State(), err)
	}
	s.forgotten()
}

// A member that has no users yet tells nothing: then jobs come and go, until the plan's limit.
func TestAnInitialSyncOfWhichNothingIsSeenOutlivesJobsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const host = "n1:27017"
		p := &plan.Plan{}
		p.Spec.MongoDB = &plan.MongoDB{Settle: plan.Duration(time.Hour)}
		past := phasetest.Facts{begunFact + host: time.Now()}
		look := func(m *member) phase.Observation {
			o, err := m.copying(replset.Peer{State: "STARTUP2"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		for range 2 { // a job each
			m := &member{d: Deps{Plan: p}, past: past, host: host}
			if o := look(m); o.State != phase.Settling || !o.NotBefore.IsZero() || o.Detail != host+" copies its data (STARTUP2)" {
				t.Errorf("at first it is %+v", o)
			}
			time.Sleep(parts.InProcess + time.Second)
			if o := look(m); o.State != phase.Settling || !o.NotBefore.Equal(time.Now().Add(someNap)) {
				t.Errorf("after %s it is %+v", parts.InProcess, o)
			}
		}
		time.Sleep(time.Hour)
		o := look(&member{d: Deps{Plan: p}, past: past, host: host})
		if o.State != phase.Failed || !strings.Contains(o.Detail, host+" is still STARTUP2 after 1h0m0s (raise mongodb.settle)") {
			t.Errorf("after an hour it is %+v", o)
		}
	})
}

func TestTheFirstEstimateOfAnInitialSyncSendsNobodyAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plan.Plan{}
		p.Spec.MongoDB = &plan.MongoDB{}
		m := &member{d: Deps{Plan: p}, past: phasetest.Facts{}, host: "n1:27017"}
		for _, c := range []struct {
			after time.Duration
			goes  bool
		}{{0, false}, {believed - time.Second, false}, {time.Second, true}} {
			time.Sleep(c.after)
			o, err := m.copying(replset.Peer{State: "STARTUP2"}, &replset.Sync{Copied: 1 << 10, Total: 100 << 10, Left: 3 * time.Minute})
			if err != nil || o.State != phase.Settling || o.NotBefore.IsZero() == c.goes {
				t.Errorf("after another %s it is %+v, %v", c.after, o, err)
			}
		}
	})
}

// A real one, which hangs first before it copies anything, and then amid a collection. What it lets nobody see then is no reason to
// refuse: the server knows no user before it has copied admin, and answers few questions before it has all.
func TestARealInitialSyncThatTakesLongIsAskedByLaterJobs(t *testing.T) {
	t.Parallel()
	rig := mongotest.Start(t, 2)
	old, fresh := rig.Hosts(0, 1), rig.Mongods[1]
	rig.Initiate(old...)
	docs := bson.A{}
	for i := range 1000 {
		docs = append(docs, bson.D{{Key: "_id", Value: i}, {Key: "text", Value: strings.Repeat("x", 10000)}})
	}
	rig.Do(old[0], "cutover", bson.D{{Key: "insert", Value: "many"}, {Key: "documents", Value: docs}})
	const before, amid = "initialSyncHangBeforeCopyingDatabases", "initialSyncHangDuringCollectionClone"
	fresh.Kill()
	fresh.Also("--setParameter", "enableTestCommands=1", "--setParameter", "collectionClonerBatchSize=10", "--setParameter", "failpoint."+before+`={"mode":"alwaysOn"}`,
		"--setParameter", "failpoint."+amid+`={"mode":"alwaysOn","data":{"namespace":"cutover.many","numDocsToClone":50}}`)
	fresh.Start(t)
	off := func(what string) {
		rig.Do(fresh.Host, "admin", bson.D{{Key: "configureFailPoint", Value: what}, {Key: "mode", Value: "off"}})
	}
	d, j := deps(t, rig, old, []string{fresh.Host}), &journal.Memory{}
	d.Plan.Spec.MongoDB.Settle = plan.Duration(time.Hour)
	if err := job(t, d, j, fresh.Host+" copies its data (STARTUP2)"); err == nil {
		t.Fatal("it does not die")
	}
	wellAsked(t, d, j)
	off(before)
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(time.Second) { // its estimate is how long so little took so far
		v, err := d.Mongo.View(t.Context())
		m, _ := v.Member(fresh.Host)
		if err == nil && m.Status.Sync != nil && m.Status.Sync.Left > parts.InProcess {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it does not say how long it takes: %v, %+v", err, m)
		}
	}
	wellAsked(t, d, j)
	if left := comesBack(t, d, j, fresh.Host+" copies its data (STARTUP2)", "of 9.6 MiB, about "); left < parts.InProcess/2 || left > longestNap {
		t.Errorf("it wants to come back in %s", left)
	}
	off(amid)
	if err := job(t, d, j, ""); err != nil {
		t.Errorf("it may go on, and the job ends with %v", err)
	}
}

// wellAsked wants a yes of each precondition, as a later job asks it.
func wellAsked(t *testing.T, d Deps, j journal.Store) {
	t.Helper()
	log, err := journal.Open(t.Context(), j, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gates(d, log) {
		for end := time.Now().Add(time.Minute); ; time.Sleep(250 * time.Millisecond) {
			o, err := g.Observe(t.Context())
			if err == nil && o.State == phase.Done {
				break
			}
			if err != nil || o.State != phase.Settling || time.Now().After(end) {
				t.Errorf("%s: %s, %v", g.ID, o.Detail, err)
				break
			}
		}
	}
}
