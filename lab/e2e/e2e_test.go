package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

const cleanup = "cleanup"

// One lab and one road, so one test: each part starts where the one before it ended. Each phase is gone forth and back,
// and then once more by processes that are killed at the boundaries of their steps: that has to end like the first time.
func TestAnEnvironmentMovesAndComesBackUnderLoadAndNothingIsLost(t *testing.T) {
	wanted(t)
	r := start(t, setting{out: "e2e", plan: calm})
	r.withSecrets()
	part := func(name string, f func(*testing.T, *rig)) { t.Helper(); r.part(t, name, f) }
	phases, err := r.tool.Phases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	origin, f := r.snapshots(t), r.faults(t)
	part("who only plans sees every phase", func(t *testing.T, r *rig) { r.planOnly(t, phases) })
	began, waves, h := time.Now(), wavesOf(t, phases), &hunt{sorts: map[string]bool{}, each: os.Getenv("CUTOVER_LONG") != ""}
	for i, phase := range phases[:len(phases)-1] {
		if phase == "proxy" {
			part("the lock keeps others out, and a way back gets it", func(t *testing.T, r *rig) { r.locks(t, phase) })
			part("a signal stops the action at a safe point", func(t *testing.T, r *rig) { r.signalled(t, phase) })
			part("a paused process finds its lock lost", func(t *testing.T, r *rig) { r.paused(t, phase) })
		}
		forth, back := forthBy(r.apply), backBy(r.plainly)
		switch phase { // there are three waves at least
		case "proxy":
			forth, back = f.stumblingForth, f.stumblingBack
		case waves[0]:
			forth, back = f.cutOff, f.backByCopy
		case waves[len(waves)-2]:
			forth, back = r.stretched, f.backByFile
		case waves[len(waves)-1]:
			forth = r.watchWindow
		}
		var end map[string]rehearse.Snapshot
		part(phase+" and back", func(t *testing.T, r *rig) { end = r.thereAndBack(t, phases, i, forth, back) })
		part("kills in "+phase, func(t *testing.T, r *rig) { r.killed(t, h, everywhere(waves, phase), phase) })
		r.endsAlike(t, phase, end)
		if phase == "routes" {
			part("clients move to new", func(t *testing.T, r *rig) { r.move(t, world.New) })
			part("who only plans sees that routes holds", func(t *testing.T, r *rig) { r.stillHolds(t, phase) })
		}
	}
	part("kills in "+cleanup, func(t *testing.T, r *rig) { r.cleanUp(t, h, origin) })
	part("every right was needed", func(t *testing.T, r *rig) { r.rights(t) })
	part("no secret is anywhere", func(t *testing.T, r *rig) { r.canaries(t) })
	part("nothing was lost", func(t *testing.T, r *rig) {
		t.Log(h)
		r.end(t)
	})
	t.Run("nothing was written twice", func(t *testing.T) { r.writtenOnce(t, began) })

	// Last, because these lose requests on purpose: the main load is over.
	t.Run("a swap to a Service without endpoints is counted", func(t *testing.T) { r.here(t, func(t *testing.T, r *rig) { r.nobody(t) }) })
	t.Run("requests that end abruptly are counted", func(t *testing.T) { r.here(t, func(t *testing.T, r *rig) { r.abrupt(t) }) })
}

// wanted skips the test where it should not run: among the unit tests, and without root. Whoever asked for it in CI gets a
// failure instead of a skip, which nobody would notice.
func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("CUTOVER_E2E") != "1" {
		t.Skip("it takes minutes and the whole machine: make e2e, or set CUTOVER_E2E=1")
	}
	if os.Geteuid() != 0 {
		const why = "two clusters on one machine need root"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
}

// lengthy skips what would make of twenty minutes an hour.
func lengthy(t *testing.T) {
	t.Helper()
	if os.Getenv("CUTOVER_LONG") == "" {
		t.Skip("it takes many minutes: make faults, or set CUTOVER_LONG")
	}
}

// wavesOf are the waves among the phases; a plan that lacks one of the parts of the road shows nothing.
func wavesOf(t *testing.T, phases []string) (waves []string) {
	t.Helper()
	for _, p := range phases {
		if strings.HasPrefix(p, "migrate/") {
			waves = append(waves, p)
		}
	}
	if len(waves) < 3 || !slices.Contains(phases, "proxy") || !slices.Contains(phases, "routes") || phases[len(phases)-1] != cleanup {
		t.Fatalf("the plan lacks proxy, routes or a third wave, or does not end with cleanup: %v", phases)
	}
	return waves
}
