package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/cleanup"
)

// apply runs one phase: the one that --phase names, or the next.
func apply(ctx context.Context, c *call) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	o := s.outcome(c.flags.Phase)
	held, release, err := s.lock(ctx, false)
	if err != nil {
		return o.finish(ctx, err)
	}
	defer release()
	return o.finish(ctx, ofLock(held, o.apply(held)))
}

// begin finds the phase that this call is about, once it is known what is there. Without a name there is none left to
// run, and the person was told so.
func (o *outcome) begin() (phase.Phase, itinerary.Stop, error) {
	s := o.session
	p, stop, err := s.phase()
	if errors.Is(err, errNothing) {
		fmt.Fprintln(s.call.stderr, err)
		return phase.Phase{}, itinerary.Stop{}, nil
	} else if err != nil {
		return phase.Phase{}, itinerary.Stop{}, err
	}
	o.recorder.Emit(engine.Event{At: time.Now(), What: "phase", Phase: p.Name})
	return p, stop, nil
}

func (o *outcome) apply(ctx context.Context) error {
	s := o.session
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := o.current(ctx); err != nil {
		return err
	}
	if err := o.endStretches(ctx, s.ownStretch()); err != nil {
		return err
	}
	p, stop, err := o.begin()
	if err != nil || p.Name == "" {
		return err
	}
	o.goOn, o.newest = s.call.command("apply", "--phase", p.Name), p.Name
	if err := o.expect(ctx, p); err != nil {
		return err
	}
	e := o.engine(s.plan.Digest())
	e.Run = s.runOf(p.Name)
	e.Gates = append(s.gates(e, p, stop), s.oneStory())
	if err := o.repair(ctx); err != nil {
		return err
	}
	if !s.frozen { // what is frozen has to be what passed
		if err := ask(ctx, e.Gates, noes{o}); err != nil {
			return err
		}
		if err := s.freeze(ctx, s.inv, false); err != nil {
			return err
		}
	}
	return o.run(ctx, e, p, stop)
}

// ownStretch names the phase whose stretch the run on it ends by itself, "" for none: a repair of another phase comes
// before that run, and may fail.
func (s *session) ownStretch() string {
	p, _, err := s.phase()
	if repair := s.call.flags.Repair; err != nil || repair != "" && repair != p.Name {
		return ""
	}
	return p.Name
}

// run is the phase itself. A phase that is finished is not done again: what it did may have been superseded, and what
// drifted wants --repair.
func (o *outcome) run(ctx context.Context, e *engine.Engine, p phase.Phase, stop itinerary.Stop) error {
	s := o.session
	if stop.State == itinerary.StateDone && s.call.flags.Repair != p.Name {
		if err := ask(ctx, []phase.Step{s.oneStory()}, noes{o}); err != nil { // else what somebody took back looks like drift
			o.goOn, o.newest = "", ""
			return err
		}
		lines, err := e.Verify(ctx, p)
		o.seen(lines)
		o.goOn = ""
		if err != nil {
			o.goOn = s.call.command("apply", "--phase", p.Name, "--repair", p.Name)
			return err
		}
		return o.keepLast(ctx, p)
	}
	s.call.publish(o.document(errUnfinished), false)
	result, err := e.Apply(ctx, p, engine.Options{
		Repair: s.call.flags.Repair == p.Name, AllowFinal: s.call.flags.Irreversible, Digest: s.call.flags.Digest,
	})
	if result.Begun {
		o.begun.Store(true)
	}
	s.copyLast(ctx)
	if err != nil {
		return err
	}
	o.goOn = ""
	return o.keepLast(ctx, p)
}

// keepLast keeps the journal when the phase that is done is the last one.
func (o *outcome) keepLast(ctx context.Context, p phase.Phase) error {
	if p.Name != cleanup.Name {
		return nil
	}
	return o.keep(ctx)
}

// errUnfinished is what the action's outputs say while the run goes on: if it is killed, they are all there is.
var errUnfinished = fault.New(fault.Broken, "run it again", "the run did not come to its end")

// repair sets right an earlier phase that drifted.
func (o *outcome) repair(ctx context.Context) error {
	s := o.session
	name := s.call.flags.Repair
	if name == "" || name == s.call.flags.Phase {
		return nil
	}
	p, ok := s.phases[name]
	if !ok {
		return fault.New(fault.Usage, "", "--repair: there is no phase %q", name)
	}
	if !s.log.Phase(name).Finished {
		return refused("", "--repair: %s is not finished; apply it", name)
	}
	if _, err := s.approved(ctx, name); err != nil {
		return err
	}
	e := o.engine(s.plan.Digest())
	e.Run = s.runOf(name)
	e.Gates = append(without(s.gates(e, p, itinerary.Stop{Name: name, State: itinerary.StateDone}), "standing"), s.oneStory())
	result, err := e.Apply(ctx, p, engine.Options{Repair: true})
	if result.Begun {
		o.begun.Store(true)
	}
	if err != nil {
		return fmt.Errorf("repair %s: %w", name, err)
	}
	return nil
}
