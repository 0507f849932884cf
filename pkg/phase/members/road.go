package members

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/path"
)

// Road is a way of the planner as steps. Each is a position: it is done when the set is there or beyond, whoever brought it there,
// and taken back when the set is behind it.
type Road struct {
	Deps
	Way   *path.Way
	ahead leg    // Way, and
	other leg    // the other direction
	name  string // of the fact with the write gap

	mu  sync.Mutex
	gap map[int]replset.Gap // by position, measured by this process
}

// Ahead is the road from the old members to the new ones, Back the one from wherever the set is to what it was.
func Ahead(d Deps, g path.Goal) (*Road, error) { return road(d, g, path.Ahead, path.Back, "ahead") }

// Back is the way back from anywhere.
func Back(d Deps, g path.Goal) (*Road, error) { return road(d, g, path.Back, path.Ahead, "back") }

func road(d Deps, g path.Goal, way, other func(path.Goal) (*path.Way, error), name string) (*Road, error) {
	r := &Road{Deps: d, name: replset.GapPrefix + g.Set + "/" + name, gap: map[int]replset.Gap{}}
	var err error
	if r.Way, err = way(g); err == nil {
		r.other.Way, err = other(g)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Refused, "", err)
	}
	r.ahead.Way, r.ahead.to, r.other.to = r.Way, g.New, hosts(g.First)
	if name == "back" {
		r.ahead.to, r.other.to = r.other.to, r.ahead.to
	}
	return r, nil
}

// leg is a way and the members of the side that takes.
type leg struct {
	*path.Way
	to []string
}

func (l leg) takes(host string) bool { return slices.Contains(l.to, host) }

func hosts(c path.Config) []string {
	var all []string
	for _, m := range c.Members {
		all = append(all, m.Host)
	}
	return all
}

// Steps are those that lead to the positions from..to-1.
func (r *Road) Steps(from, to int) phase.Lane {
	var lane phase.Lane
	for i := from; i < to; i++ {
		lane = append(lane, r.step(i))
	}
	return lane
}

func (r *Road) step(i int) phase.Step {
	p, within := r.Way.Positions()[i], Step(r.Plan)
	return phase.Step{
		ID: p.ID, Title: p.Title, Limit: within.Limit, Knob: within.Name, Touches: []phase.Object{Thing()},
		Intent:   map[string]any{"position": p.ID, "voters": p.Voters, "new": r.Plan.Spec.MongoDB.New},
		Observe:  func(ctx context.Context) (phase.Observation, error) { return r.observe(ctx, i) },
		Apply:    func(ctx context.Context) error { return r.apply(ctx, i) },
		Revert:   func(ctx context.Context, _ json.RawMessage) error { return r.revert(ctx, i) },
		Reverted: func(ctx context.Context, _ json.RawMessage) (phase.Observation, error) { return r.reverted(ctx, i) },
	}
}

// who is what the plan output shows of a position: who could elect a primary while the set is there.
func who(p path.Position) string {
	return fmt.Sprintf("%d votes, majority %d; link cut: %s; primary gone: %s", p.Voters, p.Majority, p.Cut, p.Dies)
}

func (r *Road) observe(ctx context.Context, i int) (phase.Observation, error) {
	p := r.Way.Positions()[i]
	v, at, err := r.at(ctx)
	if err != nil {
		return unseen(err)
	}
	here := r.Way.Positions()[at]
	if at < i {
		o := phase.Observation{State: phase.Pending, Detail: "there: " + who(p), Was: json.RawMessage(`{}`)}
		if here.Title != "" {
			o.Diff = "- " + here.Title + "\n"
		}
		o.Diff += fmt.Sprintf("+ %s\n  %s\n", p.Title, o.Detail)
		return o, nil
	}
	if why := v.Unsettled(); why != "" {
		return phase.Observation{State: phase.Settling, Detail: why}, nil
	}
	o := phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%s, primary %s; %s", v.Config, v.Primary, who(here))}
	r.mu.Lock()
	defer r.mu.Unlock()
	if gap, ok := r.gap[i]; ok {
		o.Detail, o.Facts = fmt.Sprintf("primary %s; %s", v.Primary, gap), map[string]any{r.name: gap}
	}
	return o, nil
}

// at looks where the set is on the way.
func (r *Road) at(ctx context.Context) (replset.View, int, error) {
	v, err := See(ctx, r.Deps)
	if err != nil {
		return v, 0, err
	}
	at, err := r.Way.At(v.Live())
	return v, at, err
}

func (r *Road) apply(ctx context.Context, i int) error {
	v, at, err := r.at(ctx)
	switch {
	case err != nil:
		return refuse(err)
	case at >= i:
		return nil
	}
	m, err := r.Way.Next(v.Live())
	switch {
	case err != nil:
		return refuse(err)
	case m.Reaches < i:
		return fault.New(fault.Refused, "run the phase again, it plans on from what is there", "%s is at %s and not just before %s: somebody moved it",
			v.Config.Name(), r.Way.Positions()[at].ID, r.Way.Positions()[i].ID)
	case m.Do == path.StepDown:
		return r.handOver(ctx, i)
	}
	return r.install(ctx, v, m)
}

func (r *Road) install(ctx context.Context, v replset.View, m path.Move) error {
	want, err := v.Config.As(m.After)
	if err != nil {
		return err
	}
	return r.Mongo.Install(ctx, v.Config, want)
}

// refuse: a plan that cannot be made is a no; that nobody can act now is not.
func refuse(err error) error {
	switch {
	case errors.Is(err, path.ErrNoPrimary):
		return fmt.Errorf("%w: %w", phase.ErrMoved, err)
	case errors.Is(err, path.ErrOffPath), errors.Is(err, path.ErrUnsafe):
		return fault.Wrap(fault.Refused, "cutover shows where it is with verify; see docs/troubleshooting.md", err)
	}
	return err
}

// revert goes the other way until the set is behind position i. From an even split that is one change; from behind it, it is all of
// the way back to before it.
func (r *Road) revert(ctx context.Context, i int) error {
	for range 2 * len(r.other.Positions()) {
		v, at, err := r.at(ctx)
		switch {
		case err != nil:
			return refuse(err)
		case at < i:
			return nil
		}
		if v.Unsettled() != "" { // the server would make a reconfig wait for that, and a vote may be refused
			if err := replset.Pause(ctx); err != nil {
				return err
			}
			continue
		}
		m, err := r.other.Next(v.Live())
		switch {
		case err != nil:
			return refuse(err)
		case m.Do == path.Stay:
			return fault.New(fault.Refused, "", "the way back of %s ends before %s", v.Config.Name(), r.Way.Positions()[i].ID)
		case m.Do == path.StepDown:
			err = r.move(ctx, r.other, nil)
		default:
			err = r.install(ctx, v, m)
		}
		if errors.Is(err, replset.ErrNoPrimary) && !errors.Is(err, phase.ErrMoved) { // the link was cut under it: the way back is asked for again
			return fmt.Errorf("%w: %w", phase.ErrMoved, err)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: it does not come to rest", phase.ErrMoved)
}

func (r *Road) reverted(ctx context.Context, i int) (phase.Observation, error) {
	v, at, err := r.at(ctx)
	if err != nil {
		return unseen(err)
	}
	switch why := v.Unsettled(); {
	case at >= i:
		return phase.Observation{State: phase.Pending, Detail: "at " + r.Way.Positions()[at].ID}, nil
	case why != "":
		return phase.Observation{State: phase.Settling, Detail: why}, nil
	}
	return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%s, primary %s", v.Config, v.Primary)}, nil
}
