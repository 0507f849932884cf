package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"cutover.dev/cutover/pkg/phase"
)

// sideBySide is how many lanes, or gates of a group, are looked at at once by what only reads.
const sideBySide = 16

// Plan observes every change and writes nothing. The digest covers Seed, the phase and every Intent, in order; it is ""
// when an Intent cannot be told, and then a line says why. See Approved.
func (e *Engine) Plan(ctx context.Context, p phase.Phase) ([]Line, string, error) {
	r, err := e.open(ctx, p)
	if err != nil {
		return nil, "", err
	}
	defer r.close()
	return r.look()
}

// look observes the changes and computes the digest. An Intent may only be known after its Observe.
func (r *run) look() ([]Line, string, error) {
	lines := r.lines(func(s phase.Step) bool { return s.Apply != nil })
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q\n", r.p.Name, r.Seed)
	told := true
	for _, l := range lines {
		if l.Step.Apply == nil {
			continue
		}
		intent, err := json.Marshal(l.Step.Intent)
		switch {
		case err != nil && l.Err != nil:
			told = false
		case err != nil:
			return nil, "", fmt.Errorf("%s: intent: %w", l.Step.ID, err)
		default:
			fmt.Fprintf(sum, "%q %s\n", l.Step.ID, intent)
		}
	}
	if !told {
		return lines, "", nil
	}
	return lines, digestOf(r.Seed, r.p.Name, sum.Sum(nil)), nil
}

// lines observes once what want picks. Lanes are looked at side by side, the steps of one lane in order.
func (r *run) lines(want func(phase.Step) bool) []Line {
	var all []Line
	for _, g := range r.ahead {
		for _, s := range flat(g) {
			all = append(all, Line{Group: g.Name, Step: s})
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, sideBySide)
	at := 0
	for _, g := range r.ahead {
		for _, l := range g.Lanes {
			part := all[at : at+len(l)]
			at += len(l)
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				for i := range part {
					if want(part[i].Step) {
						part[i].Seen, part[i].Err = part[i].Step.Observe(r.hard)
					}
				}
			})
		}
	}
	wg.Wait()
	return all
}

// Verify observes every change and every proof of a phase once. Its error names the changes that do not hold and the
// proofs that say no; a proof that would have to look for longer is only shown.
func (e *Engine) Verify(ctx context.Context, p phase.Phase) ([]Line, error) {
	r, err := e.open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer r.close()
	lines := r.lines(func(phase.Step) bool { return true })
	errs := []error{r.drift(lines, superseders(r.log, ""))}
	for _, l := range lines {
		switch {
		case l.Step.Apply != nil:
		case l.Err != nil:
			errs = append(errs, fmt.Errorf("phase %s: %s: %w: %w", p.Name, l.Step.Title, ErrUnsure, l.Err))
		case l.Seen.State == phase.Failed, l.Seen.State == phase.Pending:
			errs = append(errs, fmt.Errorf("phase %s: %s: %w", p.Name, l.Step.Title, no(l.Seen, l.Seen.Detail)))
		}
	}
	return lines, errors.Join(errs...)
}

// Holds observes the changes of phases that are done. Its error names everything that somebody else has changed since.
// What a later step has taken over, of whichever phase, need not hold.
func (e *Engine) Holds(ctx context.Context, done []phase.Phase) error {
	var errs []error
	for _, p := range done {
		r, err := e.open(ctx, p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		x := superseders(r.log, "")
		lines := r.lines(func(s phase.Step) bool { return s.Apply != nil && !x.all(s, r.log.Of(p.Name, s.ID)) })
		errs = append(errs, r.drift(lines, x))
		r.close()
	}
	return errors.Join(errs...)
}
