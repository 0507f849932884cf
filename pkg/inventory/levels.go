package inventory

import (
	"slices"

	"cutover.dev/cutover/pkg/plan"
)

// Levels orders workloads for switching old off: callers before callees. What calls each other in a circle is on one
// level, and so is what has nothing to do with each other, as early as it can be.
func (inv *Inventory) Levels(refs []plan.Ref) [][]plan.Ref {
	g := &circles{inv: inv, of: map[plan.Ref]int{}, low: map[plan.Ref]int{}, circle: map[plan.Ref]int{}}
	for _, ref := range refs {
		g.of[ref] = 0
	}
	sorted := slices.Clone(refs)
	slices.SortFunc(sorted, compareRefs)
	for _, ref := range slices.Compact(sorted) {
		if g.of[ref] == 0 {
			g.visit(ref)
		}
	}
	// Circles are closed callees first, so from the last one down every caller's level is known before its callees'.
	level := make([]int, len(g.closed))
	var levels [][]plan.Ref
	for i := len(g.closed) - 1; i >= 0; i-- {
		for len(levels) <= level[i] {
			levels = append(levels, nil)
		}
		levels[level[i]] = append(levels[level[i]], g.closed[i]...)
		for _, ref := range g.closed[i] {
			for _, callee := range g.callees(ref) {
				if to := g.circle[callee]; to != i {
					level[to] = max(level[to], level[i]+1)
				}
			}
		}
	}
	for _, l := range levels {
		slices.SortFunc(l, compareRefs)
	}
	return levels
}

// circles finds what calls each other in a circle (Tarjan's strongly connected components).
type circles struct {
	inv    *Inventory
	of     map[plan.Ref]int // order of the first visit, from 1; the keys are all there is
	low    map[plan.Ref]int // the earliest one that can be reached
	stack  []plan.Ref
	n      int
	circle map[plan.Ref]int // index into closed
	closed [][]plan.Ref
}

func (g *circles) callees(ref plan.Ref) []plan.Ref {
	return slices.DeleteFunc(slices.Clone(g.inv.CalleesOf(ref)), func(r plan.Ref) bool { _, in := g.of[r]; return !in })
}

func (g *circles) visit(ref plan.Ref) {
	g.n++
	g.of[ref], g.low[ref] = g.n, g.n
	g.stack = append(g.stack, ref)
	for _, callee := range g.callees(ref) {
		_, done := g.circle[callee]
		switch {
		case g.of[callee] == 0:
			g.visit(callee)
			g.low[ref] = min(g.low[ref], g.low[callee])
		case !done:
			g.low[ref] = min(g.low[ref], g.of[callee])
		}
	}
	if g.low[ref] != g.of[ref] {
		return
	}
	at := slices.Index(g.stack, ref)
	closed := slices.Clone(g.stack[at:])
	g.stack = g.stack[:at]
	for _, member := range closed {
		g.circle[member] = len(g.closed)
	}
	g.closed = append(g.closed, closed)
}
