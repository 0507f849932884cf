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
		lanes = append(lanes, r.cut(g)...)
	}
	return r.endStretches(lanes)
}

// cut is the lanes of a group that other runs left half-way.
func (r *run) cut(g phase.Group) (lanes []phase.Lane) {
	for _, l := range g.Lanes {
		if r.cutAt(l) >= 0 && !r.ran[l[0].ID] {
			lanes = append(lanes, l)
		}
	}
	return lanes
}

// endStretches takes lanes back to before their stretch or, where everything is there already, writes that down.
func (r *run) endStretches(lanes []phase.Lane) error {
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

// steady ends the stretches that stand on something that is not there any more, or that cannot be seen. Going on would
// first wait for that, for as long as it takes, while nobody watches the stretch. What is left half-way after it can go
// on at once, under its watches.
func (r *run) steady() error {
	last := -1
	for i, g := range r.ahead {
		if len(r.cut(g)) > 0 {
			last = i
		}
	}
	var lanes []phase.Lane
	firm := true // what the group stands on is there
	for i := 0; i <= last; i++ {
		for _, l := range r.cut(r.ahead[i]) {
			if !firm || !r.there(l[:r.cutAt(l)]) {
				lanes = append(lanes, l)
			}
		}
		for _, l := range r.ahead[i].Lanes {
			firm = firm && (i == last || r.written(l) && r.there(l))
		}
	}
	return r.endStretches(lanes)
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
