// Package members holds what the phases of the database share: where a replica set is to go and what it was, steps that are one
// change of its configuration each, and questions about its health. It must not decide an order (replset/path does) nor what a
// phase consists of, and writes only from the Apply and Revert of a step.
package members

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
)

// Deps is what the phases of the database are made of.
type Deps = parts.Deps

// FirstFact is the configuration of the set before anything was added to it. Priorities that were taken away cannot be read back
// from the set, so the way back ends with this.
const FirstFact = "mongodb.first"

// What the plan leaves out.
const (
	defaultStep   = 2 * time.Minute
	defaultMaxLag = time.Second
	defaultSettle = 6 * time.Hour
	defaultLag    = time.Minute
)

// Step is how long one change of the configuration may take.
func Step(p *plan.Plan) parts.Knob {
	return parts.Knob{Limit: cmp.Or(time.Duration(p.Spec.MongoDB.Step), defaultStep), Name: "mongodb.step"}
}

// Settle is how long the initial sync of a member may take.
func Settle(p *plan.Plan) parts.Knob {
	return parts.Knob{Limit: cmp.Or(time.Duration(p.Spec.MongoDB.Settle), defaultSettle), Name: "mongodb.settle"}
}

// MaxLag is how far behind a member may be.
func MaxLag(p *plan.Plan) time.Duration {
	return cmp.Or(time.Duration(p.Spec.MongoDB.MaxLag), defaultMaxLag)
}

// LagWindow is for how long a member has to be less behind than that.
func LagWindow(p *plan.Plan) parts.Knob {
	return parts.Knob{Limit: cmp.Or(time.Duration(p.Spec.Windows.Lag), defaultLag), Name: "windows.lag"}
}

// Connected is the error of a phase that needs the database and was not told where it is.
func Connected(d Deps) error {
	if d.Mongo == nil {
		return fault.New(fault.Usage, "the URI names any member and a user with the roles clusterManager and clusterMonitor", "%s is not set", replset.Variable)
	}
	return nil
}

// Thing is the set as a step touches it. A plan has one.
func Thing() phase.Object { return phase.Object{Env: phase.Old, Kind: "MongoDB", Name: "replica-set"} }

// First returns the configuration before anything was added; false before the phase join wrote it down.
func First(past phase.Past) (replset.Config, bool, error) {
	var c replset.Config
	ok, err := past.Fact(FirstFact, &c)
	if err != nil {
		return c, false, fmt.Errorf("read fact %s: %w", FirstFact, err)
	}
	return c, ok && !c.Empty(), nil
}

// Goal is where the set goes: from what it was, to the new members of the plan.
func Goal(d Deps, past phase.Past) (path.Goal, error) {
	if err := Connected(d); err != nil {
		return path.Goal{}, err
	}
	first, ok, err := First(past)
	if err != nil {
		return path.Goal{}, err
	}
	if !ok {
		return path.Goal{}, fault.New(fault.Refused, "run join first", "it is not known what the replica set was before: the phase join has not written it down")
	}
	g := path.Goal{Set: first.Name(), First: first.Plan(), New: d.Plan.Spec.MongoDB.New}
	if err := g.Check(); err != nil {
		return g, fault.Wrap(fault.Refused, "", err)
	}
	return g, nil
}

// See asks every member. That we may not look is a no: waiting does not change it, and it is not that there is no primary.
func See(ctx context.Context, d Deps) (replset.View, error) {
	v, err := d.Mongo.View(ctx)
	return v, Told(err)
}

// Told gives a failure the code for "no" where asking again would not change it.
func Told(err error) error {
	if err == nil || !replset.IsRights(err) || fault.CodeOf(err) == fault.Refused {
		return err
	}
	return fault.Wrap(fault.Refused, "the user of "+replset.Variable+" needs the roles clusterManager and clusterMonitor on admin", err)
}

// unseen is what a step says of a configuration that is none on the way: a person has to look.
func unseen(err error) (phase.Observation, error) {
	if errors.Is(err, path.ErrOffPath) {
		return phase.Observation{State: phase.Failed, Detail: err.Error()}, nil
	}
	return phase.Observation{}, err
}
