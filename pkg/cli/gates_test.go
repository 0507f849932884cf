package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// What a gate knows of a way out is told beside its no, not within it.
func TestAGateGivesWhatToDoBesideItsNo(t *testing.T) {
	s := &session{call: &call{flags: flags{Plan: "p.yaml"}}}
	drift := fmt.Errorf("phase routes: %w: %w: differs", engine.ErrNo, engine.ErrDrift)
	g := gate("standing", "holds", func(context.Context) error { return s.drifted(drift, "migrate/live", "routes") })
	const want = "to set it right: cutover apply --plan p.yaml --phase migrate/live --repair routes"
	seen, err := g.Observe(t.Context())
	if err != nil || seen.State != phase.Failed || seen.Detail != drift.Error() || !slices.Equal(seen.Hints, []string{want}) {
		t.Errorf("it says %+v, %v", seen, err)
	}
	if err := ask(t.Context(), []phase.Step{g}, new(told)); !slices.Equal(fault.Hints(err), []string{want}) {
		t.Errorf("asked, it says %v with %q", err, fault.Hints(err))
	}
	proof := fmt.Errorf("%w: status 404", engine.ErrNo) // a repair would not help
	if err := s.drifted(proof, "routes", "routes"); len(fault.Hints(err)) != 0 || s.drifted(nil, "a", "a") != nil {
		t.Errorf("no drift, and it says %q", fault.Hints(err))
	}
}

type told []string

func (t *told) Emit(e engine.Event) { *t = append(*t, e.Step) }

// Before anything is frozen the gates are asked once more than the engine asks them, which tells every yes.
func TestOnlyWhatIsNoYesIsToldOfTheAskingBeforeTheEngines(t *testing.T) {
	var gates []phase.Step
	for _, g := range []struct {
		id  string
		err error
	}{{"a", nil}, {"b", refused("", "no")}, {"c", errors.New("no answer")}} {
		gates = append(gates, gate(g.id, g.id, func(context.Context) error { return g.err }))
	}
	var all, some told
	for sink, want := range map[engine.Sink][]string{&all: {"gate:a", "gate:b", "gate:c"}, noes{&some}: {"gate:b", "gate:c"}} {
		if err := ask(t.Context(), gates, sink); fault.CodeOf(err) != fault.Refused {
			t.Errorf("they say %v", err)
		}
		if got := slices.Concat(all, some); !slices.Equal(got, want) {
			t.Errorf("told were %v, not %v", got, want)
		}
		all, some = nil, nil
	}
}
