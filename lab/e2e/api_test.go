package e2e

import (
	"slices"
	"testing"

	"cutover.dev/cutover/lab/faulty"
	"cutover.dev/cutover/lab/world"
)

// faultyWorld is the demo's plan with a wave of one workload, and windows as short as can be. The lock outlives one renewal
// that hangs, and no wait is longer than an API server that is gone for a while.
func faultyWorld() setting {
	return setting{out: "api", plan: slices.Concat(but(brisk, "ttl: 12s"), []string{"ready: 2m", "ready: 1m"}, loneWorkload)}
}

// One lab for all that can go wrong between the tool and the two API servers. Each fault ends, and then the same command
// finishes or the way back leaves both clusters as they were; only at the end new's API server is gone for good.
func TestAPIServersThatStumbleHangOrAreGoneLeaveNothingHalfWrittenAndLoseNothing(t *testing.T) {
	lengthy(t)
	wanted(t)
	r := start(t, faultyWorld())
	f := r.faults(t)
	before := r.snapshots(t)
	r.part(t, "no call of either server is spared", func(t *testing.T, r *rig) { f.stumbles(t, before) })
	r.part(t, "it fails for good before anything is begun", func(t *testing.T, r *rig) { f.before(t) })
	r.part(t, "it fails for good in mid-phase", func(t *testing.T, r *rig) { f.midway(t, before) })
	r.part(t, "up to the first wave", func(t *testing.T, r *rig) {
		r.apply(t, "proxy")
		r.apply(t, "routes")
		r.move(t, world.New)
	})
	moved := r.snapshots(t)
	r.part(t, "API servers are gone for a while", func(t *testing.T, r *rig) { r.whiles(t, moved) })
	r.part(t, "old is gone in a wave until the run has ended", func(t *testing.T, r *rig) { r.forGood(t) })
	r.part(t, "new is given up, and old goes back by its copy of the journal", func(t *testing.T, r *rig) { f.fromCopy(t, moved) })
	r.part(t, "new is lost, and old goes back by an exported journal", func(t *testing.T, r *rig) { f.fromFile(t, moved) })
}

// faults are the two proxies between the tool and the API servers, and the tool that goes by way of them.
type faults struct {
	*rig
	at map[string]*faulty.Proxy // by cluster
}
