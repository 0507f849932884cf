package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// consent asks what only the person who started the run can allow: the digest, steps that have no way back, and
// setting right what somebody else changed.
func (r *run) consent() error {
	var errs []error
	if !r.opts.AllowFinal {
		for _, g := range r.ahead {
			for _, s := range flat(g) {
				if s.Final != "" && s.Apply != nil && !r.log.Of(r.p.Name, s.ID).Done {
					errs = append(errs, fmt.Errorf("%s: %w: %s", s.Title, ErrFinal, s.Final))
				}
			}
		}
	}
	state := r.log.Phase(r.p.Name)
	finished, fresh := state.Finished, !state.Finished && state.Open == 0
	if r.opts.Digest == "" && !fresh && (!finished || r.opts.Repair) {
		return errors.Join(errs...)
	}
	lines, digest, err := r.look()
	if err == nil {
		err = Approved(r.opts.Digest, digest, lines)
	}
	errs = append(errs, err)
	if fresh {
		errs = append(errs, hopeless(lines))
	}
	if finished && !r.opts.Repair {
		lines = slices.DeleteFunc(lines, func(l Line) bool { return !r.log.Of(r.p.Name, l.Step.ID).Done }) // new in the plan is no drift
		errs = append(errs, r.drift(lines, superseders(r.log, "")))
	}
	return errors.Join(errs...)
}

// hopeless names every change that will not come about by waiting, while nothing is begun yet: whoever can be told so before
// anything is written need not take anything back.
func hopeless(lines []Line) error {
	var errs []error
	for _, l := range lines {
		switch {
		case l.Err != nil && fault.CodeOf(l.Err) == fault.Refused:
			errs = append(errs, fmt.Errorf("%s: %w: %w", l.Step.Title, ErrNo, l.Err))
		case l.Err == nil && l.Step.Apply != nil && l.Seen.State == phase.Failed:
			errs = append(errs, fmt.Errorf("%s: %w", l.Step.Title, no(l.Seen, l.Seen.Detail)))
		}
	}
	return errors.Join(errs...)
}

// unseen joins what the lines could not tell.
func unseen(lines []Line) error {
	var errs []error
	for _, l := range lines {
		if l.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", l.Step.Title, l.Err))
		}
	}
	return errors.Join(errs...)
}

// drift names every change that is not there any more, unless a later step has taken over what it touches.
func (r *run) drift(lines []Line, x index) error {
	var errs []error
	for _, l := range lines {
		if l.Step.Apply == nil || x.all(l.Step, r.log.Of(r.p.Name, l.Step.ID)) {
			continue
		}
		switch {
		case l.Err != nil:
			errs = append(errs, fmt.Errorf("phase %s: %s: %w: %w", r.p.Name, l.Step.Title, ErrUnsure, l.Err))
		case l.Seen.State != phase.Done:
			why := l.Seen.Detail
			for line := range strings.Lines(strings.TrimRight(l.Seen.Diff, "\n ")) {
				why += "\n    " + strings.TrimRight(line, "\n") // indented, so that they go on with this error
			}
			errs = append(errs, fault.Advise(fault.Refused, fmt.Errorf("phase %s: %s: %w: %w: %s", r.p.Name, l.Step.Title, ErrNo, ErrDrift, why), l.Seen.Hints...))
		}
	}
	return errors.Join(errs...)
}
