package link

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/members"
	"cutover.dev/cutover/pkg/reach"
	"cutover.dev/cutover/pkg/replset"
)

// parting is how long connections to members may take to end.
const parting = 2 * time.Second

// toMembers looks at members from the other side: what listens there is a mongod, takes large messages, and is the process that
// their own side means by that name. A set whose members know each other by names that mean something else elsewhere is split.
func (s *survey) toMembers(ctx context.Context, from string, paths []Path) []Row {
	if s.d.Mongo == nil {
		return each(paths, func(p Path) Row { return Row{Path: p}.unsure(s.unconnected()) })
	}
	by := s.d.Reach.From(from)
	other := s.d.Mongo.Through(by.DialContext)
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
		defer cancel()
		other.Close(last)
	}()
	return each(paths, func(p Path) Row { return s.member(ctx, by, other, p) })
}

func (s *survey) member(ctx context.Context, by reach.Dialer, other *replset.Set, p Path) Row {
	row := dial(ctx, by, p, "")
	if row.State != Open {
		return row
	}
	seen, err := other.Node(p.To).Hello(ctx)
	if replset.Hangs(err) || replset.HangsUp(err) { // what was lost on the way once is no silence
		seen, err = other.Node(p.To).Hello(ctx)
	}
	switch {
	case replset.Hangs(err):
		row.State, row.Why = NoAnswer, "it takes connections and does not answer as a mongod"
		return row
	case replset.HangsUp(err):
		row.State, row.Why = NoAnswer, "it takes connections and closes them"
		return row
	case err != nil:
		return row.unsure(err)
	}
	meant, err := s.d.Mongo.Node(p.To).Hello(ctx)
	switch {
	case err != nil:
		return row.unsure(fmt.Errorf("who it is for its own side: %w", err))
	case seen.Process == "" || meant.Process == "":
		return row.unsure(fmt.Errorf("it does not say which process it is; it is no mongod of 4.4 or newer"))
	case seen.Process != meant.Process:
		row.State, row.Why = Another, "the name leads to another mongod there than on its own side: give each member one name, the same everywhere"
		return row
	}
	switch err := other.Node(p.To).Large(ctx, largeToMember); {
	case err == nil:
		row.Large = true
	case replset.Hangs(err):
		row.State, row.Why = Small, smallAlone
	case replset.CodeOf(err) == 0: // not its own no: a mongod that takes less shows nothing
		return row.unsure(fmt.Errorf("ask for something long: %w", err))
	}
	return row
}

// oldMembers are the members that the URI names and those that the set itself has. The error is why the set could not say.
func (s *survey) oldMembers(ctx context.Context) ([]Path, error) {
	if s.d.Mongo == nil {
		return nil, s.unconnected()
	}
	all := s.d.Mongo.Seeds()
	view, err := members.See(ctx, s.d)
	for _, m := range view.Members {
		all = append(all, m.Host)
	}
	slices.Sort(all)
	var paths []Path
	for _, host := range slices.Compact(all) {
		if !slices.Contains(s.d.Plan.Spec.MongoDB.New, host) {
			paths = append(paths, Path{What: OldMembers, From: phase.New, To: host})
		}
	}
	if err == nil && len(paths) == 0 {
		err = fault.New(fault.Unsure, "", "the replica set has no old member")
	}
	return paths, err
}

// unconnected: nobody said where the set is. Asking again does not change that.
func (s *survey) unconnected() error { return fault.Wrap(fault.Refused, "", members.Connected(s.d)) }

// each does all at once: every one of them may have to be waited for.
func each(paths []Path, do func(Path) Row) []Row {
	rows := make([]Row, len(paths))
	var group sync.WaitGroup
	for i, p := range paths {
		group.Go(func() { rows[i] = do(p) })
	}
	group.Wait()
	return rows
}
