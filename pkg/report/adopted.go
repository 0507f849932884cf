package report

import (
	"fmt"
	"strings"
)

// taken lists what is in the frozen inventory now.
func taken(changes []string, limit int) string {
	if len(changes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Taken in, so it is frozen now:\n\n")
	for _, c := range changes[:min(len(changes), limit)] {
		fmt.Fprintf(&b, "- %s\n", line(c))
	}
	if more := len(changes) - limit; more > 0 {
		fmt.Fprintf(&b, "- and %d more\n", more)
	}
	return b.String()
}
