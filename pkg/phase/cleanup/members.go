package cleanup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/plan"
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

// clientsProof: as far as the servers tell, nobody is left behind. What they cannot tell is which names a URI has: a program that
// starts with old names alone finds no primary for ever, so a person has to have looked.
func (o olds) clientsProof() phase.Step {
	return members.Gate("prove:clients", "see that no client depends on an old member", members.Step(o.d.Plan), func(ctx context.Context) (string, error) {
		v, err := members.See(ctx, o.d)
		if err != nil {
			return "", err
		}
		left, n, err := o.stranded(ctx, v)
		if err != nil {
			return "", err
		}
		if len(left) > 0 {
			return "", fault.New(fault.Refused, "give them a URI with replicaSet= and a new host, and restart them",
				"clients are connected to old members and to no new one: %s", strings.Join(left, "; "))
		}
		if o.d.Plan.Spec.MongoDB.Clients != plan.Accepted {
			return "", fault.New(fault.Refused, "look at every URI, then say mongodb.clients: accepted in the plan",
				"whether the URI of every client names a new member cannot be seen from here")
		}
		return fmt.Sprintf("%d clients of old members are connected to new ones too; mongodb.clients is accepted", n), nil
	})
}

// stranded lists clients that are connected to an old member only, of n clients on old members. A client that follows the set is
// connected to all that it can see.
func (o olds) stranded(ctx context.Context, v replset.View) (left []string, n int, err error) {
	on := map[bool]map[string]replset.Client{true: {}, false: {}}
	for _, m := range v.Members {
		if m.HelloErr != nil {
			continue
		}
		clients, err := o.d.Mongo.Node(m.Host).Clients(ctx)
		if err != nil {
			return nil, 0, members.Told(err)
		}
		for _, c := range clients {
			if !strings.HasPrefix(c.App, replset.App) {
				on[slices.Contains(o.goal.New, m.Host)][c.String()] = c
			}
		}
	}
	for name, c := range on[false] {
		if _, follows := on[true][name]; !follows {
			if c.Old {
				name += ", a driver of before MongoDB 4.2"
			}
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return left, len(on[false]), nil
}
