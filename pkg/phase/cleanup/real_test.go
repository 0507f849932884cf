package cleanup

import (
	"context"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
	"cutover.dev/cutover/pkg/replset/path"
)

// What a real mongod tells of its clients: an application that follows the set is not named, an old driver on both sides is, and one
// that is connected to a single old member ends the way until it is gone.
func TestARealSetTellsWhichClientsWouldNotSurvive(t *testing.T) {
	rig := mongotest.Start(t, 4)
	old, fresh := rig.Hosts(0, 2), rig.Hosts(2, 4)
	rig.Initiate(rig.Hosts(0, 4)...)
	p := &plan.Plan{}
	p.Spec.MongoDB = &plan.MongoDB{New: fresh, Step: plan.Duration(time.Minute), Clients: plan.Accepted}
	set, err := replset.Open(replset.Options{URI: rig.URI(old...), Also: fresh, Dial: rig.Dial()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close(context.WithoutCancel(t.Context())) })
	w := rig.Write(rig.Hosts(0, 4)...)
	defer w.Stop(context.WithoutCancel(t.Context())) //nolint:errcheck // it is only there to be seen
	gate := olds{d: parts.Deps{Plan: p, Mongo: set}, goal: path.Goal{New: fresh}}.clientsProof()
	says := func(state phase.State, words ...string) {
		t.Helper()
		var last string
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			o, err := gate.Observe(t.Context())
			if last = o.Detail; err != nil {
				last = err.Error()
				continue
			}
			there := o.State == state
			for _, w := range words {
				there = there && strings.Contains(last, w)
			}
			if there {
				t.Log(last)
				return
			}
		}
		t.Fatalf("it is not %v, with %q: %s", state, words, last)
	}
	says(phase.Done, "clients of old members are connected to new ones too")
	for _, m := range rig.Mongods {
		m.Driver(rig, "shop", "nodejs", "3.2.1")
	}
	says(phase.Done, "127.0.0.1 shop (nodejs 3.2.1) has a driver of before MongoDB 4.2")
	rig.Mongods[1].Driver(rig, "job", "mongoc", "1.26.0")
	says(phase.Failed, "job (mongoc 1.26.0), to "+old[1]+" alone", "shop (nodejs 3.2.1) has a driver")
}
