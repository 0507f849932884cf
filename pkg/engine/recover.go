package engine

import (
	"errors"
	"sync"

	"cutover.dev/cutover/pkg/phase"
)

// recover ends the stretches that other runs left half-way.
func (r *run) recover(groups []phase.Group) error {
	var lanes []phase.Lane
	for _, g := range groups {
		for _, l := range g.Lanes {
			if r.cutAt(l) >= 0 && !r.ran[l[0].ID] {
				lanes = append(lanes, l)
			}
		}
	}
	errs := make([]error, len(lanes))
	var wg sync.WaitGroup
	for i, l := range lanes {
		wg.Go(func() {
			if !r.arrived(l) {
				errs[i] = r.takeBack(l[r.cutAt(l):], nil)
				return
			}
			for _, s := range l {
				errs[i] = errors.Join(errs[i], r.done(s, phase.Observation{State: phase.Done}))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// turn prepares going forward after a way back of its own was left: its stretches end, its steps are closed.
func (r *run) turn() error {
	if err := r.recover(r.undo); err != nil {
		return err
	}
	var ids []string
	for _, g := range r.undo {
		for _, s := range flat(g) {
			if r.log.Of(r.p.Name, s.ID).Open() {
				ids = append(ids, s.ID)
			}
		}
	}
	return r.closing(ids...)
}
