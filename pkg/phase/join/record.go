package join

import (
	"context"
	"fmt"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/replset"
)

// record writes the configuration of the set down before anything is added to it: what it was cannot be read back from it later.
func record(d Deps, past phase.Past) phase.Step {
	within := members.Step(d.Plan)
	return phase.Step{
		ID: "record:replica-set", Title: "write down what the replica set is", Limit: within.Limit, Knob: within.Name,
		Intent: map[string]any{"new": d.Plan.Spec.MongoDB.New},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			first, known, err := members.First(past)
			if err != nil {
				return phase.Observation{}, err
			}
			if !known {
				v, err := members.See(ctx, d)
				if err != nil {
					return phase.Observation{}, err
				}
				if v.Primary == "" {
					return phase.Observation{State: phase.Settling, Detail: replset.ErrNoPrimary.Error()}, nil
				}
				for _, host := range d.Plan.Spec.MongoDB.New {
					if _, in := v.Config.Member(host); in {
						return phase.Observation{State: phase.Failed, Detail: host + " is in the replica set already, and it is not known what the set was before; remove it from the set"}, nil
					}
				}
				first = v.Config
			}
			return phase.Observation{
				State: phase.Done, Detail: fmt.Sprintf("%s, %d members", first, len(first.Members())),
				Facts: map[string]any{members.FirstFact: first},
			}, nil
		},
	}
}
