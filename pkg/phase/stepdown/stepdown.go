// Package stepdown describes how the votes, and then the primary, of the replica set move to the new members: one change of the
// configuration a step, so that the side with the majority always has somebody to elect. Only once, for seconds, votes are
// even; that stretch is watched. The way back is one of its own, votes before primary, from wherever the set is.
package stepdown

import (
	"context"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
)

// Name is the name of the phase.
const Name = "stepdown"

// Deps is what the phase is made of.
type Deps = parts.Deps

// New describes the phase. Before join has written down what the set was there are no steps, and that is an error.
func New(d Deps) phase.Phase {
	return phase.Phase{
		Name: Name, After: []string{"join"},
		Steps: list(d, members.Ahead, "", d.Plan.Spec.MongoDB.New),
		Undo:  list(d, members.Back, "back ", nil),
	}
}

type maker func(Deps, path.Goal) (*members.Road, error)

// list makes the groups of one direction. takes are the members that take over, nil for the old ones.
func list(d Deps, road maker, prefix string, takes []string) func(context.Context, phase.Past) ([]phase.Group, error) {
	return func(_ context.Context, past phase.Past) ([]phase.Group, error) {
		goal, err := members.Goal(d, past)
		if err != nil {
			return nil, err
		}
		r, err := road(d, goal)
		if err != nil {
			return nil, err
		}
		side := taking(goal, takes)
		matters := func(string) bool { return true }
		if takes == nil { // what is the matter with a new member is no reason to stay with it
			matters = func(host string) bool { return side(replset.Member{Host: host}) }
		}
		return groups(d, r, prefix, side, matters), nil
	}
}

// taking says who of the set takes over.
func taking(g path.Goal, takes []string) func(replset.Member) bool {
	in := map[string]bool{}
	for _, host := range takes {
		in[host] = true
	}
	if takes == nil {
		for _, m := range g.First.Members {
			in[m.Host] = true
		}
	}
	return func(m replset.Member) bool { return in[m.Host] }
}

// groups cuts the way at the even split. What leads into it and out of it, and the move of the primary behind it, is one lane: if
// the primary does not move, the votes go back too, or writes would need a majority on the side that has no primary.
func groups(d Deps, r *members.Road, prefix string, takes func(replset.Member) bool, matters func(string) bool) []phase.Group {
	all := r.Way.Positions()
	even, over := r.Way.Even(), r.Way.Over()
	end := over + 1
	if end < len(all) && all[end].StepDown {
		end++
	}
	well := func() []phase.Step { return []phase.Step{members.Healthy(d, matters)} }
	ready := append(well(), members.Close(d, "prove:caught-up", takes))
	var out []phase.Group
	add := func(name string, before []phase.Step, lane phase.Lane) {
		if len(lane) > 0 {
			out = append(out, phase.Group{Name: prefix + name, Before: before, Lanes: []phase.Lane{lane}})
		}
	}
	add("votes", ready, r.Steps(1, even))
	add("primary", ready, members.Watched(r.Steps(even, end), over-even))
	add("rest", well(), r.Steps(end, len(all)))
	return out
}
