package cli

import (
	"context"
	"errors"
	"slices"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

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
