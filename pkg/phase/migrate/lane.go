package migrate

import (
	"context"
	"encoding/json"
	"slices"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// move is the lane of one unit where old's entry has a tail: from the first swap on it is watched.
func (m wave) move(u unit, past phase.Past) phase.Lane {
	lane := m.arrive(u, past)
	if len(u.Ingresses) > 0 && len(u.exchange) == 0 {
		lane = append(lane, m.late(u)...)
	}
	return append(lane, m.leave(u, past)...)
}

// waiting is what follows where old's entry has no tail: who still comes to it is served by old, so nothing of old ends
// before nobody does. What never runs twice cannot even come to new before that.
func (m wave) waiting(levels [][]unit, past phase.Past) []phase.Group {
	groups := leveled("move", levels, func(u unit) phase.Lane {
		if len(u.exchange) > 0 {
			return nil
		}
		return m.arrive(u, past)
	})
	if all := slices.Concat(levels...); len(m.residual(m.Wave.Name, all, past).services) > 0 {
		groups = append(groups, phase.Group{Name: "nobody comes to old's entry", Lanes: []phase.Lane{m.residual(m.Wave.Name, all, past).steps()}})
	}
	return append(groups, leveled("leave old", levels, func(u unit) phase.Lane {
		var lane phase.Lane
		if r := m.residual(u.name, []unit{u}, past); len(r.services) > 0 { // again: an earlier job may have seen it long ago
			lane = r.steps()
		}
		if len(u.exchange) > 0 {
			lane = append(lane, m.arrive(u, past)...)
		}
		return append(lane, m.leave(u, past)...)
	})...)
}

// arrive brings the unit's routes to new: it ends with the watch window. It is empty for a unit without routes.
func (m wave) arrive(u unit, past phase.Past) phase.Lane {
	if len(u.Ingresses) == 0 {
		return nil
	}
	lane := phase.Lane{m.baseline(u, past)}
	lane = append(lane, m.swapOver(u, past)...)
	for i, name := range u.Ingresses {
		s := m.swap(u, name, past)
		if i == 0 {
			s.Watch = m.watch(u, past)
		}
		lane = append(lane, s)
	}
	lane = append(lane, m.prove(u, past))
	if len(u.exchange) > 0 && m.Plan.Spec.Tail != nil { // old is off: who still comes to its entry waits for this
		lane = append(lane, m.late(u)...)
	}
	return append(lane, m.observeWindow(u, past))
}

// late sends the late clients of old's entry on to new.
func (m wave) late(u unit) phase.Lane {
	var lane phase.Lane
	for _, name := range u.Ingresses {
		lane = append(lane, m.tail(u, name))
	}
	return append(lane, m.proveTail(u))
}

// leave ends what of the unit still runs in old.
func (m wave) leave(u unit, past phase.Past) phase.Lane {
	left := slices.DeleteFunc(slices.Clone(u.Refs), func(ref plan.Ref) bool { return slices.Contains(u.exchange, ref) })
	if len(left) == 0 {
		return nil
	}
	var lane phase.Lane
	if m.called(u) {
		lane = append(lane, m.drain(u))
	}
	for _, ref := range left {
		lane = append(lane, m.retire(ref, past)...)
	}
	return lane
}

// called reports whether a Service leads to the unit: who asks it for something may be waiting for an answer.
func (m wave) called(u unit) bool {
	return slices.ContainsFunc(u.Refs, func(ref plan.Ref) bool { return len(m.Inventory.ServicesOf(ref)) > 0 })
}

// swapOver takes the exclusive workloads of a unit with routes from old to new: all off, then all on, ready and warm. The
// stretch begins with the first of them, because from there on nobody answers.
func (m wave) swapOver(u unit, past phase.Past) phase.Lane {
	var off, on phase.Lane
	for i, ref := range u.exchange {
		steps := m.retire(ref, past)
		if i == 0 {
			steps[0].Watch = unanswered
			steps[0].Reverted = m.answeredAgain(u, past, steps[0].Reverted)
		}
		off = append(off, steps[0])
		on = append(append(on, steps[1:]...), m.capacity(ref), m.warm(ref))
	}
	return append(off, on...)
}

// unanswered is the watch of a stretch in which nobody is expected to answer: the steps have limits of their own.
func unanswered(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// answeredAgain wants, when everything of the unit runs in old again, that its paths are answered from there. Where new is
// gone there is no entry of its to ask, and nothing that could hold up old.
func (m wave) answeredAgain(u unit, past phase.Past, up judge) judge {
	return func(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
		if o, err := up(ctx, was); m.NewGone || err != nil || o.State != phase.Done {
			return o, err
		}
		return m.backOnBridge(ctx, u, past, nil)
	}
}

// judge is the type of a step's Reverted.
type judge = func(ctx context.Context, was json.RawMessage) (phase.Observation, error)
