package engine

import (
	"fmt"
	"strings"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// mark is an open step that touches a thing.
type mark struct {
	phase, step, field string
	order              int
}

// index finds open steps by the thing that they touch.
type index map[string][]mark

// superseders indexes the open steps of all phases but one; "" = of all.
func superseders(log *journal.Log, but string) index {
	x := index{}
	log.EachOpen(func(phase, step string, rec journal.Record) {
		if phase == but {
			return
		}
		for _, t := range rec.Touches {
			thing, field, _ := strings.Cut(t, "#")
			x[thing] = append(x[thing], mark{phase, step, field, rec.Order})
		}
	})
	return x
}

// later returns a step that was begun after rec, is still open, and touches what o names: the whole and any field of
// it overlap.
func (x index) later(o phase.Object, order int) (mark, bool) {
	field := o.Field
	o.Field = ""
	for _, m := range x[o.String()] {
		if m.order > order && (m.field == field || m.field == "" || field == "") {
			return m, true
		}
	}
	return mark{}, false
}

// any returns a later step on anything that s touches.
func (x index) any(s phase.Step, rec journal.Record) (mark, bool) {
	for _, o := range s.Touches {
		if m, ok := x.later(o, rec.Order); ok {
			return m, true
		}
	}
	return mark{}, false
}

// all reports whether later steps have taken over everything that s touches, so that s need not hold any longer.
func (x index) all(s phase.Step, rec journal.Record) bool {
	for _, o := range s.Touches {
		if _, ok := x.later(o, rec.Order); !ok {
			return false
		}
	}
	return len(s.Touches) > 0
}

// superseded refuses to write over what a later phase has changed since: in one direction as in the other, the newest
// goes first.
func (r *run) superseded(s phase.Step) error {
	rec := r.log.Of(r.p.Name, s.ID)
	if !rec.Open() {
		return nil
	}
	if m, ok := r.over.any(s, rec); ok {
		return fmt.Errorf("%w: step %s of phase %s has changed it since; roll that back first", ErrNo, m.step, m.phase)
	}
	return nil
}

// touches is what the journal keeps of what s changes.
func touches(s phase.Step) []string {
	var names []string
	for _, o := range s.Touches {
		names = append(names, o.String())
	}
	return names
}
