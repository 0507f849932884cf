package cleanup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
)

// gone is why there is no way back from the removal of an old member.
const gone = "the old member stops following the set: it would have to join again, and copy all data if the oplog no longer reaches back"

// leaves is the group in which the old members leave the replica set, one at a time; none without a database in the plan.
func leaves(d Deps, past phase.Past) ([]phase.Group, error) {
	if d.Plan.Spec.MongoDB == nil {
		return nil, nil
	}
	goal, err := members.Goal(d, past)
	if err != nil {
		return nil, err
	}
	way, err := path.Ahead(goal)
	if err != nil {
		return nil, fault.Wrap(fault.Refused, "", err)
	}
	o := olds{d: d, goal: goal, way: way}
	var lane phase.Lane
	for _, m := range slices.Backward(goal.First.Members) {
		lane = append(lane, o.leave(m.Host))
	}
	isNew := func(host string) bool { return slices.Contains(goal.New, host) }
	return []phase.Group{{
		Name: "database", Lanes: []phase.Lane{lane},
		Before: []phase.Step{members.Healthy(d, isNew), o.movedProof(), o.clientsProof()},
	}}, nil
}

// olds is the old members on their way out.
type olds struct {
	d    Deps
	goal path.Goal
	way  *path.Way
}

func (o olds) leave(host string) phase.Step {
	within := members.Step(o.d.Plan)
	return phase.Step{
		ID: "leave:" + host, Title: "take the old member " + host + " out of the replica set", Limit: within.Limit, Knob: within.Name,
		Final: gone, Intent: map[string]any{"leave": host}, Touches: []phase.Object{members.Thing()},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			v, err := members.See(ctx, o.d)
			if err != nil {
				return phase.Observation{}, err
			}
			if m, in := v.Config.Member(host); in {
				if m.Votes > 0 || m.Priority > 0 {
					return phase.Observation{State: phase.Failed, Detail: host + " still has a vote in the replica set; finish stepdown first"}, nil
				}
				return phase.Observation{State: phase.Pending, Detail: "in the set, without a vote", Diff: "- member " + host + "\n"}, nil
			}
			if why := v.Unsettled(); why != "" {
				return phase.Observation{State: phase.Settling, Detail: why}, nil
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("not in %s, primary %s", v.Config, v.Primary)}, nil
		},
		Apply: func(ctx context.Context) error { return o.remove(ctx, host) },
	}
}

func (o olds) remove(ctx context.Context, host string) error {
	v, err := members.See(ctx, o.d)
	if err != nil {
		return err
	}
	move, err := path.Leave(v.Config.Plan(), host, v.Primary)
	switch {
	case errors.Is(err, path.ErrNoPrimary):
		return fmt.Errorf("%w: %w", phase.ErrMoved, err)
	case err != nil:
		return fault.Wrap(fault.Refused, "", err)
	case move.Do == path.Stay:
		return nil
	}
	want, err := v.Config.As(move.After)
	if err != nil {
		return err
	}
	if err := o.d.Mongo.Install(ctx, v.Config, want); err != nil {
		return err
	}
	var others []string
	for _, m := range v.Members {
		if m.Host != host && m.HelloErr == nil {
			others = append(others, m.Host)
		}
	}
	_ = o.d.Mongo.Forget(ctx, others, host) // it left; who could not be told ends its connections by itself after some minutes
	return nil
}

// movedProof: the set is where stepdown leads, but for old members that left already.
func (o olds) movedProof() phase.Step {
	return members.Gate("prove:database-moved", "see that the replica set is in new", members.Step(o.d.Plan), func(ctx context.Context) (string, error) {
		v, err := members.See(ctx, o.d)
		if err != nil {
			return "", err
		}
		if v.Primary == "" {
			return "", members.NotYet("%s", replset.ErrNoPrimary)
		}
		if !slices.Contains(o.goal.New, v.Primary) {
			return "", fault.New(fault.Refused, "run stepdown first", "the primary is %s, an old member", v.Primary)
		}
		for _, m := range v.Config.Members() {
			if isNew := slices.Contains(o.goal.New, m.Host); isNew != (m.Votes > 0) {
				return "", fault.New(fault.Refused, "run stepdown first", "the votes have not moved: %s has %d", m.Host, m.Votes)
			}
		}
		return fmt.Sprintf("primary %s, all votes are new members'", v.Primary), nil
	})
}
