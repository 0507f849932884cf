package report

import "slices"

// forEnd is what Whole keeps free for what a summary gets once the plan is made: a verdict that says no, and who came to
// old's entry.
const forEnd = 64 << 10

// Whole reports whether the summary of a plan shows everything that would be changed, every step and every difference.
// What it does not show nobody can approve.
func Whole(d Document) bool {
	d.Steps = slices.DeleteFunc(slices.Clone(d.Steps), func(s Step) bool { return s.State == Done }) // counted at the worst
	_, left, truncated := fit(d, MaxSummary-forEnd)
	return !truncated && !slices.Contains(left, "steps")
}
