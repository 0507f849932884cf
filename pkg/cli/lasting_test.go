package cli

import (
	"slices"
	"testing"

	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/cleanup"
	"cutover.dev/cutover/pkg/phase/link"
	"cutover.dev/cutover/pkg/phase/proxy"
	"cutover.dev/cutover/pkg/phase/routes"
)

// The bridge and the old members that link dials are what cleanup takes away, so that they do not answer is no drift after it.
func TestTheWayToOldNeedNotLastLongerThanOld(t *testing.T) {
	done := []string{link.Name, proxy.Name, routes.Name}
	for name, c := range map[string]struct {
		entry journal.Entry
		only  string
		want  []string
	}{
		"before cleanup":  {journal.Entry{Phase: routes.Name, What: journal.Finished}, "", done},
		"cleanup began":   {journal.Entry{Phase: cleanup.Name, Step: "x", Gen: 1, What: journal.Begun}, "", []string{routes.Name}},
		"cleanup is done": {journal.Entry{Phase: cleanup.Name, What: journal.Finished}, "", []string{routes.Name, cleanup.Name}},
		"asked for":       {journal.Entry{Phase: routes.Name, What: journal.Finished}, link.Name, []string{link.Name}},
		"not done":        {journal.Entry{Phase: routes.Name, What: journal.Finished}, cleanup.Name, nil},
	} {
		log, err := journal.Open(t.Context(), &journal.Memory{}, "test")
		if err != nil {
			t.Fatal(err)
		}
		s := &session{call: &call{}, log: log, phases: map[string]phase.Phase{}}
		s.call.flags.Phase = c.only
		for _, name := range done {
			err = log.Append(t.Context(), journal.Entry{Phase: name, What: journal.Finished})
		}
		if err == nil {
			err = log.Append(t.Context(), c.entry)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(slices.Clone(done), cleanup.Name) {
			s.phases[name], s.stops = phase.Phase{Name: name}, append(s.stops, itinerary.Stop{Name: name})
		}
		var got []string
		for _, p := range s.lasting() {
			got = append(got, p.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
