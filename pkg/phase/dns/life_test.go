package dns

import (
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names/namestest"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// What the phase ttl leaves is played by the tests of the waits, so the proof that asks for it is left out here.
func TestThePhaseGoesThereAndBackAndSurvivesEveryCrash(t *testing.T) {
	w := namestest.Start(t, namestest.Old, namestest.Hosts...)
	w.Deps.Plan.Spec.DNS.TTL, w.Deps.Plan.Spec.DNS.Margin = plan.Duration(time.Second), plan.Duration(time.Millisecond)
	fresh := func() phase.Phase { return phasetest.Without(namestest.Ungated(New(w.Deps)), "wait:ripe") }
	phasetest.TestPhase(t, w.World, fresh)
	if t.Failed() { // the engine would wait for what does not come
		return
	}
	w.Turn, w.Deps.Now = nil, true // the engine waits by itself, and need not so often
	phasetest.TestCrashes(t, w.World, fresh)
}
