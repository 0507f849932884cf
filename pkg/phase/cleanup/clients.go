package cleanup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
)

// user is a client of the set and the members that it is connected to. One that follows the set is connected to all that it can see.
type user struct {
	replset.Client
	old, fresh []string
}

// lost says why the client goes with the old members, "" if it does not.
func (u user) lost() string {
	switch {
	case len(u.fresh) > 0 || len(u.old) == 0:
		return ""
	case len(u.old) == 1:
		return "to " + u.old[0] + " alone: a single host in its URI, or directConnection"
	}
	return "to old members alone: its URI names no new host, or it cannot reach one"
}

// weak says what else the client may not survive, "" if nothing shows. of is how many new members there are.
func (u user) weak(of int) string {
	var why []string
	if len(u.old) == 0 && len(u.fresh) == 1 && of > 1 {
		why = append(why, "is connected to "+u.fresh[0]+" alone (a single host in its URI, or directConnection), and does not follow the primary")
	}
	if u.Old {
		why = append(why, "has a driver of before MongoDB 4.2, which does not retry writes by itself")
	}
	return strings.Join(why, " and ")
}

// clientsProof: as far as the servers tell, nobody is left behind. What they cannot tell is which names a URI has: a program that
// starts with old names alone finds no primary for ever, so a person has to have looked.
func (o olds) clientsProof() phase.Step {
	return members.Gate("prove:clients", "see that no client depends on an old member", members.Step(o.d.Plan), func(ctx context.Context) (string, error) {
		v, err := members.See(ctx, o.d)
		if err != nil {
			return "", err
		}
		users, silent, err := o.users(ctx, v)
		if err != nil {
			return "", err
		}
		return survive(users, silent, len(o.goal.New), o.d.Plan.Spec.MongoDB.Clients == plan.Accepted)
	})
}

// survive judges the clients of a set. Who is lost with the old members is a no, whatever the plan says; of the rest it has to say
// that a person knows, of who may be connected to a silent member too.
func survive(users []user, silent []string, fresh int, accepted bool) (string, error) {
	var lost []string
	weak := slices.Clone(silent)
	onOld := 0
	for _, u := range users {
		if len(u.old) > 0 {
			onOld++
		}
		if why := u.lost(); why != "" {
			lost = append(lost, u.String()+", "+why)
		}
		if why := u.weak(fresh); why != "" {
			weak = append(weak, u.String()+" "+why)
		}
	}
	also := ""
	if len(weak) > 0 {
		also = "; " + strings.Join(weak, "; ")
	}
	switch {
	case len(lost) > 0:
		return "", fault.New(fault.Refused, "give them a URI with replicaSet= and a new host, and restart them",
			"clients are connected to old members and to no new one: %s%s", strings.Join(lost, "; "), also)
	case !accepted:
		return "", fault.New(fault.Refused, "look at every URI and at what is listed, then say mongodb.clients: accepted in the plan",
			"whether the URI of every client names a new member cannot be seen from here%s", also)
	}
	return fmt.Sprintf("%d clients of old members are connected to new ones too; mongodb.clients is accepted%s", onOld, also), nil
}

// users lists who is connected to which members, but for the members and this program, and says of which this could not be asked.
func (o olds) users(ctx context.Context, v replset.View) (sorted []user, silent []string, err error) {
	all := map[string]user{}
	for _, m := range v.Members {
		if m.HelloErr != nil {
			silent = append(silent, fmt.Sprintf("who is connected to %s could not be asked: %v", m.Host, m.HelloErr))
			continue
		}
		clients, err := o.d.Mongo.Node(m.Host).Clients(ctx)
		if err != nil {
			return nil, nil, members.Told(err)
		}
		for _, c := range clients {
			if strings.HasPrefix(c.App, replset.App) {
				continue
			}
			u := all[c.String()]
			u.Client = c
			if slices.Contains(o.goal.New, m.Host) {
				u.fresh = append(u.fresh, m.Host)
			} else {
				u.old = append(u.old, m.Host)
			}
			all[c.String()] = u
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[name])
	}
	return sorted, silent, nil
}
