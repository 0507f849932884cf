package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/faulty"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// What API servers do to the road's own runs, for the tool alone, where a phase is run and taken back anyhow. Every kind of call
// meets every fault in the long test of API servers.

// once is a fault of the first call of that kind.
func once(verb, resource string, do faulty.Fault) faulty.Rule {
	return faulty.Rule{Verb: verb, Resource: resource, Times: 1, Do: do}
}

// Each fault meets kinds of call of the proxy phase, in either cluster: what it makes, watches, and remembers. Only one hangs, and that
// is a watch, since others cost all the time that the tool has for a request.
var (
	forthStumbles = map[string][]faulty.Rule{
		world.Old.Name: {
			once("create", "services", faulty.Answer500), once("create", "deployments", faulty.Lose), once("create", "ingresses", faulty.Reset),
			once("watch", "ingresses", faulty.Hang), once("update", "configmaps", faulty.TooMany),
		},
		world.New.Name: {
			once("create", "services", faulty.TooMany), once("create", "ingresses", faulty.Lose), once("create", "endpointslices", faulty.Slow),
			once("update", "configmaps", faulty.Answer500), once("update", "leases", faulty.Reset),
		},
	}
	backStumbles = map[string][]faulty.Rule{
		world.Old.Name: {
			once("delete", "deployments", faulty.Answer500), once("delete", "services", faulty.TooMany), once("delete", "ingresses", faulty.Slow),
			once("update", "configmaps", faulty.Reset),
		},
		world.New.Name: {
			once("delete", "services", faulty.Lose), once("delete", "ingresses", faulty.Reset), once("delete", "endpointslices", faulty.Answer500),
			once("update", "configmaps", faulty.Lose), once("update", "leases", faulty.TooMany),
		},
	}
)

// stumbling runs a verb while calls meet those faults: it gets over each, and does nothing twice.
func (f *faults) stumbling(t *testing.T, rules map[string][]faulty.Rule, verb string, args ...string) {
	t.Helper()
	f.under(t, "quick", quick, func() {
		f.through(t, func() {
			f.obey()
			for name, p := range f.at {
				p.Obey(rules[name]...)
			}
			f.exits(t, 0, verb, args...)
		})
	})
	f.doubled(t)
	for name, p := range f.at {
		for _, r := range rules[name] {
			if !slices.ContainsFunc(p.Calls(), func(c faulty.Call) bool { return c.Fault == r.Do && c.Verb == r.Verb && c.Resource == r.Resource }) {
				t.Errorf("no call of %s was: %s %s (%s)", name, r.Verb, r.Resource, r.Do)
			}
		}
		p.Obey()
	}
	t.Logf("%s met %s", verb, f.said())
}

// impatient is quick with little time for what has to become ready: whoever waits for a server that is gone waits for as long.
var impatient = slices.Concat(quick, []string{"ready: 2m", "ready: 15s"})

func (f *faults) stumblingForth(t *testing.T, phase string) {
	f.stumbling(t, forthStumbles, "apply", "--phase", phase)
}

// stumblingBack goes back in the same way. Then each API server goes in mid-phase and stays away until the run has ended; what that
// left is taken back by the caller.
func (f *faults) stumblingBack(t *testing.T, phase string, before map[string]rehearse.Snapshot, where ...string) {
	f.stumbling(t, backStumbles, "rollback", where...)
	f.asBefore(t, before)
	f.under(t, "impatient", impatient, func() {
		f.through(t, func() {
			journaled := faulty.Rule{Verb: "update", Resource: "configmaps", From: 3, All: true, Do: faulty.Vanish} // there are always as many
			for _, gone := range []struct {
				at   world.Cluster
				from faulty.Rule
			}{{world.Old, second(faulty.Vanish)}, {world.New, journaled}} {
				f.obey()
				f.at[gone.at.Name].Obey(gone.from)
				f.broke(t, gone.at.Name+" is gone in mid-phase", broken, f.outcome(t, "apply", "--phase", phase))
				f.doubled(t)
				f.isBack(t, gone.at)
			}
		})
	})
	f.exits(t, 0, "rollback", where...)
}

// outcome runs a verb to its end, whatever that is.
func (r *rig) outcome(t *testing.T, verb string, args ...string) rehearse.Result {
	t.Helper()
	return r.begin(t, r.tool, nil, never, verbLine(r.tool, verb, args...)...).end(t, verbEnd)
}

// isBack lets an API server answer the tool again.
func (f *faults) isBack(t *testing.T, c world.Cluster) {
	t.Helper()
	f.at[c.Name].Obey()
	if err := f.at[c.Name].Back(); err != nil {
		t.Fatal(err)
	}
}

// absence is how long old is gone while a run goes on: longer than it repeats a request that is refused.
const absence = 10 * time.Second

// cutOff moves a wave while new's API server goes as soon as clients are led to new, until the run has ended, and old's while the
// next one moves the rest. Each ends whole.
func (f *faults) cutOff(t *testing.T, phase string) {
	ready := but(impatient, "ready: 45s") // clients are to be led to pods that are ready in time
	ofOld := func(l rehearse.Line) bool { return l.Word == "doing" && strings.Contains(l.Title, "old") }
	f.under(t, "cut-off", ready, func() {
		f.through(t, func() {
			f.obey()
			run := f.strike(t, routeSwapped, f.at[world.New.Name].Leave, "apply", "--phase", phase)
			run.reached(t)
			f.broke(t, "new is gone in a stretch", broken, run.end(t, verbEnd))
			f.isBack(t, world.New)
			run = f.strike(t, ofOld, f.at[world.Old.Name].Leave, "apply", "--phase", phase)
			run.reached(t)
			pause(t.Context(), absence)
			f.isBack(t, world.Old)
			if got := run.end(t, verbEnd); got.Code == 0 {
				f.toldUnsure(t, "old is gone in a stretch", got)
			} else {
				f.broke(t, "old is gone in a stretch", broken, got)
			}
		})
	})
	f.exits(t, 0, "apply", "--phase", phase)
	f.whole(t)
}

// backByCopy gives new up and goes back by old's copy of the journal; then new is back after all.
func (f *faults) backByCopy(t *testing.T, phase string, before map[string]rehearse.Snapshot, where ...string) {
	f.byCopy(t, f.tells, phase, before, where...)
}

// backByFile is the same with a copy that is damaged, by an exported journal.
func (f *faults) backByFile(t *testing.T, phase string, before map[string]rehearse.Snapshot, where ...string) {
	file := f.exported(t)
	f.through(t, func() {
		f.obey()
		f.at[world.New.Name].Leave()
		f.byFile(t, f.tells, file, before, where...)
		f.isBack(t, world.New)
		f.exits(t, refused, "apply", "--phase", phase)
		f.exits(t, 0, "rollback", where...)
	})
	f.asBefore(t, before)
	f.dropCopy(t)
}

// tells wants of what a run says only what counts: which steps there are is the road's plan's, and who was first is chance.
func (f *faults) tells(t *testing.T, name string, got rehearse.Result) {
	t.Helper()
	text := map[string]string{
		"gone-rollback":     "could not tell, the API server of new gave no answer",
		"gone-break-glass":  "what was changed in new could not be reached and is left as it is",
		"back-apply":        "somebody went back by it",
		"lost-damaged":      "then give --journal FILE",
		"lost-damaged-file": "to go by the file alone, delete the copy",
		"lost-from-file":    "what was changed in new could not be reached and is left as it is",
	}
	if want, known := text[name]; !known || !strings.Contains(string(got.Stderr), want) {
		t.Errorf("%s: it does not say %q:\n%s", name, want, got.Stderr)
	}
}
