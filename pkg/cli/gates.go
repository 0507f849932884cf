package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/cleanup"
)

// gates are what every phase is asked before it writes, beyond identity and lock.
func (s *session) gates(e *engine.Engine, p phase.Phase, stop itinerary.Stop) []phase.Step {
	return []phase.Step{
		s.order(stop),
		s.latest(),
		s.standing(e, p),
		gate("scope", "everything in scope can be moved", func(context.Context) error { return inventory.Check(s.plan, s.inv) }),
		gate("inventory", "what is in scope is what was frozen", func(ctx context.Context) error { return s.unchanged(ctx, p) }),
		s.access(p),
		s.approval(p.Name),
	}
}

// gate makes a proof of a question. An error with code fault.Refused is a no, any other is "could not tell".
func gate(id, title string, ask func(context.Context) error) phase.Step {
	return phase.Step{ID: "gate:" + id, Title: title, Observe: func(ctx context.Context) (phase.Observation, error) {
		err := ask(ctx)
		switch {
		case err == nil:
			return phase.Observation{State: phase.Done, Detail: "yes"}, nil
		case fault.CodeOf(err) == fault.Refused || errors.Is(err, engine.ErrNo):
			return phase.Observation{State: phase.Failed, Detail: strings.TrimSpace(err.Error()), Hints: fault.Hints(err)}, nil
		}
		return phase.Observation{}, err
	}}
}

func (s *session) access(p phase.Phase) phase.Step {
	return gate("access", "this identity may do what it is about to do", func(ctx context.Context) error {
		wanted := slices.Concat(toRemember(s.plan), p.Access)
		if s.looking { // what else it takes is asked of the identity that is to write
			wanted = slices.DeleteFunc(slices.Clone(p.Access), func(a phase.Access) bool { return !looks(a) })
		}
		wanted = append(wanted, toReach(s.plan, !s.looking)...)
		err := s.old.Can(ctx, wanted)
		if s.call.flags.BreakGlass != "" {
			return err
		}
		other := s.new.Can(ctx, wanted)
		if err == nil || other == nil {
			return errors.Join(err, other)
		}
		code := fault.Refused
		if fault.CodeOf(err) != fault.Refused || fault.CodeOf(other) != fault.Refused {
			code = fault.Unsure
		}
		return fault.Wrap(code, "", errors.Join(err, other))
	})
}

// order: phases run in the order of the plan, within through.
func (s *session) order(stop itinerary.Stop) phase.Step {
	return gate("order", "it is this phase's turn", func(context.Context) error {
		switch {
		case stop.Runs, stop.State == itinerary.StateDone:
			return nil
		case stop.State == itinerary.StateBeyond:
			return fault.New(fault.Refused, "move spec.through of the plan", "%s is beyond spec.through (%s)", stop.Name, s.plan.Spec.Through)
		}
		return fault.New(fault.Refused, "cutover next says what comes next", "it is not the turn of %s%s", stop.Name, because(stop.Why))
	})
}

// standing: what the phase stands on is done and still holds.
func (s *session) standing(e *engine.Engine, p phase.Phase) phase.Step {
	return gate("standing", "what the phase stands on is done and holds", func(ctx context.Context) error {
		var open []string
		var done []phase.Phase
		for _, name := range p.After {
			before, ok := s.phases[name]
			if !ok || !s.log.Phase(name).Finished {
				open = append(open, name)
				continue
			}
			done = append(done, s.visible(before))
		}
		if len(open) > 0 {
			return fault.New(fault.Refused, "", "not finished: %s", strings.Join(open, ", "))
		}
		if s.dismantled() { // it stood when that began, and what it stood on is going
			return nil
		}
		var errs []error
		for _, before := range done {
			errs = append(errs, s.drifted(e.Holds(ctx, []phase.Phase{before}), p.Name, before.Name))
		}
		return errors.Join(errs...)
	})
}

// drifted gives an error the way out where it tells of drift of a phase: the run on another one, or on itself, that sets
// it right.
func (s *session) drifted(err error, run, repair string) error {
	if !errors.Is(err, engine.ErrDrift) {
		return err
	}
	return fault.Wrap(fault.Refused, "to set it right: "+s.call.command("apply", "--phase", run, "--repair", repair), err)
}

// dismantled: cleanup has begun to delete old's own objects, out of which the phases before it work out their steps.
func (s *session) dismantled() bool { return dismantled(s.log) }

func dismantled(log *journal.Log) bool {
	return slices.ContainsFunc(log.Steps(cleanup.Name), func(id string) bool {
		return strings.HasPrefix(id, cleanup.OwnPrefix) && log.Of(cleanup.Name, id).Begun // what stays is done without
	})
}

// unchanged: a new or vanished host or workload is a no, unless it is gone that the plan wants this phase to delete.
func (s *session) unchanged(ctx context.Context, p phase.Phase) error {
	if !s.frozen {
		return nil // it was taken a moment ago
	}
	live, err := s.live(ctx)
	if err != nil {
		return err
	}
	changes := slices.DeleteFunc(inventory.Compare(s.inv, live), func(c inventory.Change) bool {
		return p.Name == cleanup.Name && cleanup.Expected(s.plan, c)
	})
	if len(changes) == 0 {
		return nil
	}
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = errors.New(c.String())
	}
	return fault.Wrap(fault.Refused, "if that is meant, "+s.call.command("adopt")+" takes it in", errors.Join(errs...))
}

// asked is a gate as the engine names it too: "gate order".
func asked(g phase.Step) string { return "gate " + strings.TrimPrefix(g.ID, "gate:") }

// ask asks gates outside of a run and returns every no.
func ask(ctx context.Context, gates []phase.Step, sink engine.Sink) error {
	var nos []error
	code := fault.Unsure
	for _, g := range gates {
		seen, err := g.Observe(ctx)
		sink.Emit(engine.Event{At: time.Now(), What: "gate", Step: g.ID, Title: g.Title, Observation: seen, Err: err})
		switch {
		case err != nil:
			nos = append(nos, fmt.Errorf("%s: %w", asked(g), err))
		case seen.State != phase.Done: // a no outweighs what could not be told
			nos, code = append(nos, fault.Advise(fault.Refused, fmt.Errorf("%s: %s", asked(g), seen.Detail), seen.Hints...)), fault.Refused
		}
	}
	return fault.Wrap(code, "", errors.Join(nos...))
}

// noes passes on only what is no yes: the engine asks the same gates again and tells all.
type noes struct{ engine.Sink }

func (n noes) Emit(e engine.Event) {
	if e.Err != nil || e.Observation.State != phase.Done {
		n.Sink.Emit(e)
	}
}

// without leaves out gates that do not matter for a question.
func without(gates []phase.Step, ids ...string) []phase.Step {
	return slices.DeleteFunc(slices.Clone(gates), func(g phase.Step) bool { return slices.Contains(ids, strings.TrimPrefix(g.ID, "gate:")) })
}
