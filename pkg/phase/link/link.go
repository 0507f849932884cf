// Package link describes the phase that proves that the two environments reach each other: on every path that the plan needs,
// from the side that will go it, by the relay that stands there. It changes nothing, so there is nothing to take back: the
// relays are the run's own and go with it. A path that does not work names the firewall rule that it lacks.
package link

import (
	"context"
	"time"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// Name is the name of the phase.
const Name = "link"

// Deps is what the phase is made of.
type Deps = parts.Deps

// What the phase finds out, in the facts of its steps.
const (
	PathFact   = "link.path/"  // and the step: a list of Row
	RangesFact = "link.ranges" // Overview
	OneWayFact = "link.oneWay" // in words, where a path does not work
)

// longest is how long one look at all paths may take. What was seen is told at once, and only who could not be asked is asked again.
const longest = time.Minute

// New describes the phase.
func New(d Deps) phase.Phase {
	return phase.Phase{
		Name: Name, Access: access(),
		Steps: func(context.Context, phase.Past) ([]phase.Group, error) {
			s := newSurvey(d)
			g := phase.Group{Name: "paths"}
			for _, p := range s.paths {
				g.Lanes = append(g.Lanes, phase.Lane{s.proof(p.ID(), p.title(), p)})
			}
			if d.Plan.Spec.MongoDB != nil {
				g.Lanes = append(g.Lanes, phase.Lane{s.proof(oldMembersID, "prove that new reaches every old member of the replica set", d.Plan.Spec.MongoDB.New)})
			}
			g.Lanes = append(g.Lanes, phase.Lane{s.ranges()})
			g.Limit = len(g.Lanes) // all at once: each no has to be heard, not the first alone
			return []phase.Group{g}, nil
		},
	}
}

// proof is a step that changes nothing.
func (s *survey) proof(id, title string, intent any) phase.Step {
	return phase.Step{
		ID: id, Title: title, Limit: s.within.Limit, Knob: s.within.Name, Intent: intent,
		Observe: func(ctx context.Context) (phase.Observation, error) {
			t, err := s.look(ctx)
			if err != nil {
				return phase.Observation{}, err
			}
			return t.judge(id)
		},
	}
}

// access is what it takes to see which addresses both clusters use.
func access() []phase.Access {
	var all []phase.Access
	for _, env := range []string{phase.Old, phase.New} {
		all = append(all, parts.Access(env, "", kube.Node, nil, "list")...)
		all = append(all, parts.Access(env, "", kube.ServiceCIDR, nil, "list")...)
	}
	return all
}
