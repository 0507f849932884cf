package cli

import (
	"strings"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase/link"
	"cutover.dev/cutover/pkg/report"
)

// proved are the paths of link that are written down as proved, by whichever run. A run looks only at what was not proved before.
func proved(log *journal.Log) (all []report.Path) {
	for _, id := range log.Steps(link.Name) {
		var paths []report.Path
		if found, err := log.Fact(link.PathFact+strings.TrimPrefix(id, "prove:path/"), &paths); found && err == nil {
			all = append(all, paths...)
		}
	}
	return all
}
