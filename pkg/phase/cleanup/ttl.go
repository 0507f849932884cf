package cleanup

import (
	"context"
	"fmt"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/zone"
)

const heldAgain = "caches hold the new records for their old TTL from then on"

// raise, where names move, puts the TTLs back that the phase ttl lowered: the records lead to new now, and nothing more is to be swapped.
func raise(d Deps, past phase.Past) ([]phase.Group, error) {
	if len(d.Zones) == 0 {
		return nil, nil
	}
	scopes, err := names.Of(d)
	if err != nil {
		return nil, err
	}
	within := names.Serving(d.Plan)
	var lanes []phase.Lane
	for _, s := range scopes {
		m := &zone.Move{
			Zone: s.Zone, Names: s.Names, ID: "raise:" + s.Zone.Name,
			Title: fmt.Sprintf("raise the TTL of %d names in zone %s to what it was", len(s.Names), s.Zone.Name),
			Limit: within.Limit, Knob: within.Name, Final: heldAgain, Intent: map[string]any{"names": s.Names},
			Want: func(_ context.Context, name string, seen zone.Seen) ([]zone.Set, error) {
				was := zone.Names{}
				if _, err := past.Fact(names.WasFact+s.Zone.Name, &was); err != nil {
					return nil, fmt.Errorf("read fact %s%s: %w", names.WasFact, s.Zone.Name, err)
				} // without the fact they were low before, and stay so
				return names.RaiseTo(seen.Own, was[name]), nil
			},
		}
		lanes = append(lanes, phase.Lane{m.Step()})
	}
	return []phase.Group{{Name: "ttl", Limit: atOnce, Lanes: lanes}}, nil
}
