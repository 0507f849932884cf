package stepdown

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members/memberstest"
	"cutover.dev/cutover/pkg/phase/phasetest"
)

// Whatever process dies wherever, there or back, who comes after it arrives, with no change of the set made twice; and back is back.
func TestThePhaseGoesThereAndBackAndSurvivesEveryCrash(t *testing.T) {
	shapes := [][2]int{{1, 2}}
	if os.Getenv("CUTOVER_LONG") != "" {
		shapes = append(shapes, [2]int{2, 2})
	}
	for _, shape := range shapes {
		memberstest.Run(t, 1, shape[0], shape[1], func(t *testing.T, s *memberstest.Set) {
			log, err := journal.Open(t.Context(), journalOf(t, s), "test")
			if err != nil {
				t.Fatal(err)
			}
			list := func(steps func(context.Context, phase.Past) ([]phase.Group, error)) func(context.Context, phase.Past) ([]phase.Group, error) {
				return func(ctx context.Context, _ phase.Past) ([]phase.Group, error) { return steps(ctx, log) } // what join wrote down
			}
			w := phasetest.World{
				Writes: func() int { return len(s.Asked("replSetReconfig", "replSetStepDown")) },
				State: func() any {
					v := s.Settled(t)
					all := []string{fmt.Sprintf("primary in new: %t", slices.Contains(s.New, v.Primary))}
					for _, m := range v.Config.Members() {
						all = append(all, fmt.Sprintf("%s votes %d priority %g hidden %t", m.Host, m.Votes, m.Priority, m.Hidden))
					}
					return all
				},
				Slow: true,
			}
			phasetest.TestCrashes(t, w, func() phase.Phase {
				p := New(s.Deps)
				p.Steps, p.Undo = list(p.Steps), list(p.Undo)
				return p
			})
		})
	}
}
