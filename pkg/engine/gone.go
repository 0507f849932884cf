package engine

import (
	"fmt"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/phase"
)

// gone reports whether s changes something in an environment that cannot be reached for good.
func (r *run) gone(s phase.Step) bool {
	return r.Without != "" && s.Apply != nil && slices.ContainsFunc(s.Touches, func(o phase.Object) bool { return o.Env == r.Without })
}

// leave tells that s is not taken back. In the journal it stays open: if its environment comes back after all, another
// rollback takes it back.
func (r *run) leave(s phase.Step) {
	r.mu.Lock()
	r.kept = append(r.kept, s.Title)
	r.mu.Unlock()
	r.say(Left, s, phase.Observation{Detail: r.Without + " is gone"}, nil)
}

// leftovers names what was left.
func (r *run) leftovers() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) == 0 {
		return nil
	}
	slices.Sort(r.kept)
	return fmt.Errorf("what was changed in %s %w: %s", r.Without, ErrLeft, strings.Join(r.kept, "; "))
}
