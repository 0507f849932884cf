package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/itinerary"
)

// rollback takes back everything after --to, newest first, or the phase that --phase names if it is the newest open one.
func rollback(ctx context.Context, c *call) error {
	if c.flags.To == "" && c.flags.Phase == "" {
		return fault.New(fault.Usage, "cutover rollback -h", "rollback wants --to PHASE, which stays done, or --phase PHASE, the newest one")
	}
	if c.flags.Journal != "" && c.flags.BreakGlass == "" {
		return fault.New(fault.Usage, "cutover rollback -h", "--journal is for --break-glass: without it new's own journal counts")
	}
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	o := s.outcome("")
	o.back = true
	held, release, err := s.lock(ctx, true)
	if err != nil {
		return o.finish(ctx, err)
	}
	defer release()
	return o.finish(ctx, ofLock(held, o.rollback(held)))
}

func (o *outcome) rollback(ctx context.Context) error {
	s := o.session
	if err := s.restore(ctx); err != nil {
		return err
	}
	if err := s.recall(ctx); err != nil {
		return err
	}
	begun := slices.ContainsFunc(s.stops, func(t itinerary.Stop) bool { return s.touched(t.Name) })
	switch {
	case !begun && s.call.flags.BreakGlass != "": // no evidence is no answer: the copy may never have been made
		return fault.New(fault.Stuck, "give --journal FILE, what cutover journal export wrote", "old's copy of the journal shows nothing to take back")
	case !begun:
		fmt.Fprintln(s.call.stderr, "nothing was begun, so there is nothing to take back")
		return nil
	case !s.frozen:
		return fault.New(fault.Stuck, "copy the ConfigMaps cutover-"+s.plan.Metadata.Name+"-inventory* of namespace "+s.plan.Spec.State.Namespace+" from old to new", "the frozen inventory is gone, so the steps to take back are not known")
	}
	if err := s.startRelays(ctx); err != nil { // whatever needs one tries again, and what needs none must not wait for it
		s.call.warn("a relay does not run: %v", err)
	}
	s.phases = phasesOf(s.deps())
	names, err := s.backward()
	if err := errors.Join(o.endStretches(ctx, newest(names)), err); err != nil {
		return err
	}
	o.goOn = s.call.command("rollback", s.call.given("to", "phase", "break-glass")...)
	var left []error
	for _, name := range names {
		err := o.takeBack(ctx, name)
		switch {
		case errors.Is(err, engine.ErrLeft): // everything else of it is back, and so may be what came before it
			left = append(left, fmt.Errorf("take back %s: %w", name, err))
		case err != nil:
			return fmt.Errorf("take back %s: %w", name, err)
		}
	}
	o.goOn = ""
	return fault.Wrap(fault.Stuck, "when new answers again, "+s.call.command("rollback", s.call.given("to", "phase")...)+
		" takes back the rest; until then see that nothing leads clients to new", errors.Join(left...))
}

// backward lists what to take back, newest first.
func (s *session) backward() ([]string, error) {
	if s.log.Phase("cleanup").Finished {
		return nil, fault.Wrap(fault.Stuck, "what it removed can only be built again", fmt.Errorf("cleanup is finished: %w", engine.ErrFinal))
	}
	to, name := s.call.flags.To, s.call.flags.Phase
	if to != "" && name != "" {
		return nil, fault.New(fault.Usage, "cutover rollback -h", "--to names what stays and --phase what goes: give one of them")
	}
	if _, built := s.phases[name]; built && !s.touched(name) && !s.log.Phase(name).At.IsZero() {
		return []string{name}, nil // it is back already, and who took it back may have died before that was written down
	}
	names, err := itinerary.Back(s.stops, to+name) // one of them is empty
	switch {
	case err != nil:
		return nil, err
	case to != "":
		return names[:len(names)-1], nil // Back takes what it is given along, --to leaves it done
	case len(names) > 1:
		return nil, refused(s.call.command("rollback", "--phase", names[0]), "%s is not the newest open phase, %s is", name, names[0])
	}
	return names, nil
}

// touched: something of the phase is there to take back.
func (s *session) touched(name string) bool {
	state := s.log.Phase(name)
	return state.Finished || state.Open > 0
}

// changed: according to the journal the phase has changed something, and nobody took it back.
func (s *session) changed(name string) bool {
	return s.log != nil && slices.ContainsFunc(s.log.Steps(name), func(id string) bool { return s.log.Of(name, id).Begun })
}

func (o *outcome) takeBack(ctx context.Context, name string) error {
	s := o.session
	p, ok := s.phases[name]
	if !ok {
		return fault.New(fault.Stuck, "use the build that applied it", "this build does not have the phase %s", name)
	}
	e := o.engine(s.plan.Digest())
	e.Gates = append(e.Gates, s.access(p))
	groups, err := p.Steps(ctx, s.log)
	if err != nil {
		return unsure(fmt.Errorf("list the steps of %s: %w", name, err))
	}
	o.remember(groups)
	s.call.publish(o.document(errUnfinished), false)
	result, err := e.Rollback(ctx, p)
	if result.Begun {
		o.begun.Store(true)
	}
	s.copyLast(ctx)
	return err
}

// newest is the first of names, which its own rollback takes through its stretch.
func newest(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// recoverOpen ends every stretch that a run left half-way.
func recoverOpen(ctx context.Context, c *call) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	o := s.outcome("")
	o.back = true
	held, release, err := s.lock(ctx, false)
	if err != nil {
		return o.finish(ctx, err)
	}
	defer release()
	return o.finish(ctx, ofLock(held, o.recover(held)))
}

func (o *outcome) recover(ctx context.Context) error {
	if err := o.session.prepare(ctx); err != nil {
		return err
	}
	if !o.session.call.afterRollback() {
		if err := o.current(ctx); err != nil {
			return err
		}
	}
	return o.endStretches(ctx, "")
}

// endStretches ends what earlier runs left half-way, newest phase first, but for the phase whose own run does it. Every
// verb that changes anything comes through here before it asks for anything: nobody is watching such a stretch.
func (o *outcome) endStretches(ctx context.Context, but string) error {
	s := o.session
	var errs []error
	looked := false
	for _, stop := range slices.Backward(s.stops) {
		p, ok := s.phases[stop.Name]
		if state := s.log.Phase(stop.Name); !ok || stop.Name == but || state.Finished || state.Open == 0 {
			continue
		}
		if !looked {
			s.call.publish(o.document(errUnfinished), false)
		}
		looked = true
		result, err := o.engine(s.plan.Digest()).Recover(ctx, p)
		if result.Begun {
			o.begun.Store(true)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("end what an earlier run of %s left half-way: %w", stop.Name, err))
		}
	}
	if !looked {
		return nil
	}
	s.copyLast(ctx)
	return errors.Join(append(errs, s.read(ctx))...) // the journal may have grown
}
