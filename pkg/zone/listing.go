package zone

import (
	"errors"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// Listing is what an editor read of a whole zone: what a name owns, or why that is more than this program can put back.
type Listing func(name string) ([]Set, error)

// Names is what Editor.Get returns of it. Names that have to be changed first are a no with that hint, all at once, and so is what
// else the editor has found.
func (l Listing) Names(names []string, hint string, nos ...error) (Names, error) {
	out := Names{}
	for _, name := range names {
		sets, no := l(name)
		out[name], nos = sets, append(nos, no)
	}
	if err := errors.Join(nos...); err != nil {
		return nil, fault.Wrap(fault.Refused, hint, err)
	}
	return out, nil
}

// As is nil if everything is as the changes expect it, else phase.ErrMoved.
func (l Listing) As(changes []Change) error {
	for _, c := range changes {
		if have, err := l(c.Name); err != nil || !Same(have, c.Was) {
			return errors.Join(phase.ErrMoved, err)
		}
	}
	return nil
}
