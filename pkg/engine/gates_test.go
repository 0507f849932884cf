package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
)

// What keeps one gate waiting, a member that is down, mostly keeps the others waiting too. Only the first waits by itself.
func TestTheGatesOfAGroupWaitSideBySideAndAnswerInTheirOrder(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		p := &proc{w: b.w}
		down := func() (phase.State, string) { return phase.Settling, "db-1 does not answer" }
		gates := []phase.Step{
			proof("well", down),
			proof("shape", func() (phase.State, string) { return phase.Failed, "too many members" }),
			proof("version", down),
			proof("oplog", down),
			proof("owner", func() (phase.State, string) { return phase.Done, "nobody" }),
		}
		ph := phase.Phase{Name: "join", Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
			return []phase.Group{{Name: "g", Before: gates, Lanes: []phase.Lane{{p.num("a", "a", 1, 0)}}}}, nil
		}}
		e, rec := eng(b.j), &tape{}
		e.Sink = rec
		began := time.Now()
		_, err := e.Apply(b.Context(), ph, engine.Options{})
		if took := time.Since(began); took != 2*time.Minute {
			b.Errorf("a refusal takes %s where each gate may wait a minute", took)
		}
		if b.w.writes != 0 || !errors.Is(err, engine.ErrNo) || strings.Count(err.Error(), "db-1 does not answer") != 3 || !strings.Contains(err.Error(), "too many members") {
			b.Errorf("%d writes, %v", b.w.writes, err)
		}
		want := []string{"phase / 0/1", "group g/ 0/1", "gate g/well 0/1", "gate g/shape 0/1", "gate g/version 0/1", "gate g/oplog 0/1", "gate g/owner 0/1"}
		if got := rec.words(); !slices.Equal(got, want) {
			b.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
