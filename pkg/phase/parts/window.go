package parts

import (
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/phase"
)

// InProcess is how much of a window is waited for in the process itself. What is longer ends the job.
const InProcess = 2 * time.Minute

// StillRuns is what is seen at now while a window runs that began at first; false once it is over. quiet says in words what
// did not happen since.
func StillRuns(quiet string, first time.Time, window time.Duration, now time.Time) (phase.Observation, bool) {
	end := first.Add(window)
	left := end.Sub(now)
	if left <= 0 {
		return phase.Observation{}, false
	}
	o := phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("%s since %s, %s are left", quiet, first.Format(time.RFC3339), left.Round(time.Second))}
	if left > InProcess {
		o.NotBefore = end
	}
	return o, true
}
