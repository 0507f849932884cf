package cli

import (
	"strings"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/link"
	"cutover.dev/cutover/pkg/report"
)

// proved are the paths of link that are written down as proved, by whichever run. A run looks only at what was not proved before. Of
// a plan that had other paths nothing is told: steps says by ID what this one has.
func proved[T any](log *journal.Log, steps map[string]T) (all []report.Path) {
	for _, id := range log.Steps(link.Name) {
		if _, still := steps[id]; !still {
			continue
		}
		var paths []report.Path
		if found, err := log.Fact(link.PathFact+strings.TrimPrefix(id, "prove:path/"), &paths); found && err == nil {
			all = append(all, paths...)
		}
	}
	return all
}
