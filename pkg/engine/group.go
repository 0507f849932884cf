package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"cutover.dev/cutover/pkg/phase"
)

// forward brings a group to Done.
func (r *run) forward(g phase.Group) error {
	var work, cut []phase.Lane
	since := r.changed(g)
	for _, l := range g.Lanes {
		switch {
		case !r.outdated(l, since) && r.complete(l):
		case r.cutAt(l) >= 0: // first: nobody is watching it
			cut = append(cut, l)
		default:
			work = append(work, l)
		}
	}
	if len(cut)+len(work) == 0 {
		return nil
	}
	r.tell(Event{What: Group, Group: g.Name})
	if err := r.askGroup(g.Name, g.Before); err != nil {
		return err
	}
	if err := r.each(g.Limit, append(cut, work...), r.lane); err != nil {
		return err
	}
	if err := r.after(); err != nil {
		return fmt.Errorf("after %s: %w", g.Name, err)
	}
	return nil
}

// backward reverts a group.
func (r *run) backward(g phase.Group) error {
	var work []phase.Lane
	for _, l := range g.Lanes {
		if r.anyOpen(l) {
			work = append(work, l)
		}
	}
	if len(work) == 0 {
		return nil
	}
	r.tell(Event{What: Group, Group: g.Name})
	if err := r.askGroup(g.Name, g.Back); err != nil {
		return errors.Join(err, r.recover([]phase.Group{g}))
	}
	if err := r.each(g.Limit, work, r.takeBack); err != nil {
		return err
	}
	if err := r.after(); err != nil { // told, and no more: going back does not depend on anybody who follows
		r.tell(Event{What: Failed, Group: g.Name, Title: "after " + g.Name, Err: err})
	}
	return nil
}

// each runs lanes side by side. After the first error no lane begins another step outside a watched stretch. A lane that
// waits for its time is no error: what one waits for need not keep the others.
func (r *run) each(limit int, lanes []phase.Lane, do func(phase.Lane, func() bool) error) error {
	var failed atomic.Bool
	var wg sync.WaitGroup
	stop := func() bool { return failed.Load() || r.soft.Err() != nil }
	errs := make([]error, len(lanes))
	slots := make(chan struct{}, max(limit, 1))
	for i, l := range lanes {
		slots <- struct{}{}
		if stop() {
			<-slots
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(l, stop)
			if _, waits := errs[i].(*NotBefore); errs[i] != nil && !waits { // one that is wrapped went back for it
				failed.Store(true)
			}
		})
	}
	wg.Wait()
	if err := join(errs); err != nil {
		return err
	}
	if r.soft.Err() != nil {
		return stopped(context.Cause(r.soft))
	}
	return nil
}

// ask asks every gate, one after the other, and reports every no.
func (r *run) ask(gates []phase.Step) error {
	var errs []error
	for i := range gates {
		errs = append(errs, r.answers("", gates[i:i+1])...)
	}
	return join(errs)
}

// askGroup asks the gates of a group. The first is asked alone, since the others may stand on it: that all members are well, say.
// What keeps one of these waiting mostly keeps the others waiting too, so they wait side by side.
func (r *run) askGroup(name string, gates []phase.Step) error {
	first := min(len(gates), 1)
	if err := join(append(r.answers(name, gates[:first]), r.answers(name, gates[first:])...)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// answers are those of gates that are asked side by side, told in their order.
func (r *run) answers(group string, gates []phase.Step) []error {
	seen, errs := make([]phase.Observation, len(gates)), make([]error, len(gates))
	slots := make(chan struct{}, sideBySide)
	var all sync.WaitGroup
	for i, g := range gates {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			seen[i], errs[i] = r.settle(r.hard, g, g.Observe, nil, waits{yields: true, quiet: true})
		})
	}
	all.Wait()
	for i, g := range gates {
		e := Event{What: Gate, Group: group, Step: g.ID, Title: g.Title, Observation: seen[i]}
		if errors.Is(errs[i], ErrUnsure) {
			e.Err = errs[i]
		}
		r.tell(e)
		if errs[i] != nil {
			errs[i] = fmt.Errorf("gate %s: %w", strings.TrimPrefix(g.ID, "gate:"), errs[i])
		}
	}
	return errs
}

// join makes one answer of many: a no outweighs a wait, and of the waits the longest counts.
func join(errs []error) error {
	var wait *NotBefore
	for _, err := range errs {
		var w *NotBefore
		switch {
		case errors.As(err, &w) && (wait == nil || w.Until.After(wait.Until)):
			wait = w
		case err != nil && w == nil:
			return errors.Join(errs...) // errors.As for ErrNo before NotBefore
		}
	}
	if wait != nil {
		return wait
	}
	return nil
}
