// Package join describes the phase in which the new members join the old replica set, one at a time: without vote and
// priority and hidden, so that elections, majorities and clients are what they were. It first asks everything that would make
// a join go wrong, since the server itself takes nearly any member. It is taken back by removing the members again.
package join

import (
	"context"
	"fmt"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/phase/parts"
)

// Name is the name of the phase.
const Name = "join"

// Deps is what the phase is made of.
type Deps = parts.Deps

// New describes the phase. What is wrong with the manifests is an error of Steps.
func New(d Deps) phase.Phase {
	var manifests []parts.Manifest
	var broken error
	if path := d.Plan.Spec.MongoDB.Manifests; path != "" {
		if manifests, broken = parts.Manifests(path); broken != nil {
			broken = fmt.Errorf("mongodb.manifests: %w", broken)
		}
	}
	return phase.Phase{
		Name: Name, Access: access(manifests),
		Steps: func(_ context.Context, past phase.Past) ([]phase.Group, error) {
			if broken != nil {
				return nil, broken
			}
			if err := members.Connected(d); err != nil {
				return nil, err
			}
			var groups []phase.Group
			if len(manifests) > 0 {
				groups = append(groups, phase.Group{Name: "start", Lanes: []phase.Lane{start(d, manifests)}})
			}
			return append(groups, phase.Group{Name: "join", Before: gates(d, past), Lanes: []phase.Lane{joins(d, past)}}), nil
		},
	}
}

// start applies what starts the new members, one object after the other.
func start(d Deps, manifests []parts.Manifest) phase.Lane {
	var lane phase.Lane
	for _, m := range manifests {
		lane = append(lane, d.Apply(d.New, m.Kind, m.Object.GetNamespace(), m.Object.GetName(), parts.Ready(d.Plan),
			parts.Fixed(m.Object, nil)).Step())
	}
	return lane
}

// joins is one member after the other, each watched until it keeps up: the first one copies its data over the link, the next
// ones may copy from it.
func joins(d Deps, past phase.Past) phase.Lane {
	lane := phase.Lane{record(d, past)}
	for _, host := range d.Plan.Spec.MongoDB.New {
		m := &member{d: d, past: past, host: host}
		lane = append(lane, m.step(), m.keepsUp())
	}
	return lane
}

func access(manifests []parts.Manifest) []phase.Access {
	var all []phase.Access
	for _, m := range manifests {
		all = append(all, parts.Make(phase.New, m.Object.GetNamespace(), m.Kind, m.Object.GetName())...)
	}
	return all
}
