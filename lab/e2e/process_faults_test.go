package e2e

import (
	"os"
	"testing"
	"time"

	"cutover.dev/cutover/lab/world"
)

// quick is the demo's plan with the shortest windows, proofs that ask faster, and a lock that a dead process keeps for as
// short as can be.
var quick = []string{
	"watch: 5s", "watch: 1s", "drain: 4s", "drain: 1s", "status: 10s", "status: 1s", "residual: 5s", "residual: 1s", "ttl: 30s", "ttl: 5s", "rate: 50", "rate: 200",
}

// One lab for all that can happen to a process of the tool. The road is gone once, with a kill at the boundaries of its
// steps; what is tried beside it takes back what it did.
func TestTheRoadHoldsWhenProcessesAreKilledSignalledPausedOrInEachOthersWay(t *testing.T) {
	if os.Getenv("CUTOVER_KILLS") == "" {
		t.Skip("it takes eight minutes: make kills, or set CUTOVER_KILLS")
	}
	wanted(t)
	r := start(t, setting{out: "processes", plan: quick})
	phases, err := r.tool.Phases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := phases[lastWave(t, phases)]
	slow := append([]string{"status: 10s", "status: 20s"}, quick[:4]...)
	slow = append(slow, quick[6:]...)
	r.with(r.plan(t, r.tool.Dir, "slow", slow...), func() {
		r.part(t, "the lock keeps others out, and a way back gets it", func(t *testing.T, r *rig) { r.locks(t) })
		r.part(t, "a signal stops the action at a safe point", func(t *testing.T, r *rig) { r.signalled(t) })
	})
	r.part(t, "a paused process finds its lock lost", func(t *testing.T, r *rig) { r.paused(t) })
	began, h := time.Now(), &hunt{sorts: map[string]bool{}}
	for i, phase := range phases[:len(phases)-1] {
		if phase == last {
			r.part(t, "a signal in a watched stretch", func(t *testing.T, r *rig) {
				r.stretched(t, phase, watchedSpace, "blog", "comments", "media")
				r.exits(t, 0, "rollback", "--phase", phase)
			})
		}
		r.part(t, "kills in "+phase, func(t *testing.T, r *rig) { r.killed(t, h, i < alike || all(), phase) })
		if phase == "routes" {
			r.part(t, "clients move to new", func(t *testing.T, r *rig) { r.move(t, world.New) })
		}
	}
	r.part(t, "kills in "+cleanup, func(t *testing.T, r *rig) {
		r.leaveOld(t)
		r.killed(t, h, true, cleanup, "--allow-irreversible")
	})
	r.part(t, "the end is the same, nothing was written twice or lost", func(t *testing.T, r *rig) {
		if err := r.answers(t, world.New, world.New); err != nil {
			t.Errorf("new does not answer every host: %v", err)
		}
		r.sameEnd(t)
		r.writtenOnce(t, began)
		r.end(t)
		t.Log(h)
	})
}

// alike is the index of the first phase that is like one before it, the second wave: of its boundaries only those of a new
// sort get a kill, unless all are asked for. That would be three minutes more.
const alike = 3

// all: this is the long series.
func all() bool { return os.Getenv("CUTOVER_KILLS") != "" }

// with runs f on another plan.
func (r *rig) with(plan string, f func()) {
	before := r.tool.Plan
	r.tool.Plan = plan
	defer func() { r.tool.Plan = before }()
	f()
}
