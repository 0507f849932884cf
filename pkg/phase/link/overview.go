package link

import (
	"context"
	"fmt"
	"strings"

	"cutover.dev/cutover/pkg/phase"
)

// Overview is which addresses both sides use.
type Overview struct {
	Old      Ranges   `json:"old"`
	New      Ranges   `json:"new"`
	Overlaps []string `json:"overlaps,omitempty"`
}

// ranges is the proof that it was seen which addresses both sides use. Ranges that overlap are named and no more: both clusters may
// have the same ones for what never leaves them. That a path leads to one of them is a no of that path.
func (s *survey) ranges() phase.Step {
	return phase.Step{
		ID: "prove:ranges", Title: "see which addresses pods, Services and nodes of both sides have", Limit: s.within.Limit, Knob: s.within.Name,
		Intent: map[string]any{},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			t, err := s.look(ctx)
			if err != nil {
				return phase.Observation{}, err
			}
			if t.unknown != nil {
				return phase.Observation{}, t.unknown
			}
			o := Overview{Old: t.old, New: t.new, Overlaps: overlaps(t.old, t.new)}
			return phase.Observation{State: phase.Done, Detail: o.String(), Facts: map[string]any{RangesFact: o}}, nil
		},
	}
}

// String is the overview in words.
func (o Overview) String() string {
	text := "no range of old overlaps with one of new"
	if len(o.Overlaps) > 0 {
		text = "they overlap: " + strings.Join(o.Overlaps, "; ") + "; nothing may be dialled there across the link"
	}
	for _, side := range []string{phase.Old, phase.New} {
		if hidden := map[string]Ranges{phase.Old: o.Old, phase.New: o.New}[side].Hidden; len(hidden) > 0 {
			text += fmt.Sprintf("; the API server of %s does not show the addresses of %s", side, strings.Join(hidden, " and "))
		}
	}
	return text
}
