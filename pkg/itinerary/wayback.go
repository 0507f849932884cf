package itinerary

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/plan"
)

// WayBack says in words what going back to before a phase takes once that has run: which phases are taken back, newest first, and
// what of that costs time or writes. stops is where the migration stands, with or without that phase.
func WayBack(p *plan.Plan, stops []Stop, name string) string {
	const final = "cleanup"
	if name == final {
		return "none: what cleanup deletes can only be built again"
	}
	back := []string{name}
	for _, s := range stops[slices.IndexFunc(stops, func(s Stop) bool { return s.Name == name })+1:] {
		if s.State != StateDone && s.State != StateOpen {
			continue
		}
		if s.Name == final {
			return "none that is complete: cleanup has begun, and what it deletes can only be built again"
		}
		back = append([]string{s.Name}, back...)
	}
	text := "roll back " + strings.Join(back, ", then ")
	for _, phase := range back {
		if cost := cost(p, phase); cost != "" {
			text += "; " + cost
		}
	}
	return text
}

// cost is what a way back costs beyond its steps, "" for nothing that clients could notice or that is waited for.
func cost(p *plan.Plan, name string) string {
	wave, isWave := strings.CutPrefix(name, "migrate/")
	switch {
	case name == "dns":
		return fmt.Sprintf("dns waits for caches to forget new's address, %s once every name server has old's", cmp.Or(time.Duration(p.Spec.DNS.TTL), time.Minute))
	case name == "stepdown":
		return "stepdown stops writes once more, while the primary moves back"
	case isWave:
		w, _ := p.Wave(wave)
		return fmt.Sprintf("%s starts %d of old's workloads again before clients are led there", name, len(w.Workloads))
	}
	return ""
}
