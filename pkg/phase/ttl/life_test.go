package ttl

import (
	"testing"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/phase/phasetest"
)

func TestThePhaseGoesThereAndBackAndSurvivesEveryCrash(t *testing.T) {
	w := namestest.Start(t, namestest.Old, namestest.Hosts...)
	fresh := func() phase.Phase { return namestest.Ungated(New(w.Deps)) }
	phasetest.TestPhase(t, w.World, fresh)
	if t.Failed() { // the engine would wait for what does not come
		return
	}
	w.Turn = nil // the engine waits by itself
	phasetest.TestCrashes(t, w.World, fresh)
}
