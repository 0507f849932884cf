package path

import (
	"errors"
	"fmt"
	"strings"
)

// Change is what becomes of one member.
type Change struct {
	Was, Is     Member // Is has the fields to set; of a member that leaves it is empty
	Add, Remove bool
}

// String is the change in words.
func (c Change) String() string {
	switch {
	case c.Add:
		return fmt.Sprintf("add %s as member %d (votes %d, priority %g, hidden %t)", c.Is.Host, c.Is.ID, c.Is.Votes, c.Is.Priority, c.Is.Hidden)
	case c.Remove:
		return fmt.Sprintf("remove %s (member %d)", c.Was.Host, c.Was.ID)
	}
	var what []string
	if c.Was.Votes != c.Is.Votes {
		what = append(what, fmt.Sprintf("votes %d to %d", c.Was.Votes, c.Is.Votes))
	}
	if c.Was.Priority != c.Is.Priority {
		what = append(what, fmt.Sprintf("priority %g to %g", c.Was.Priority, c.Is.Priority))
	}
	if c.Was.Hidden != c.Is.Hidden {
		what = append(what, fmt.Sprintf("hidden %t to %t", c.Was.Hidden, c.Is.Hidden))
	}
	return c.Is.Host + ": " + strings.Join(what, ", ")
}

// Diff lists what differs between two configurations, member by member.
func Diff(before, after Config) (changes []Change) {
	for _, is := range after.Members {
		was, ok := before.Find(is.Host)
		if !ok || was != is {
			changes = append(changes, Change{Was: was, Is: is, Add: !ok})
		}
	}
	for _, was := range before.Members {
		if after.index(was.Host) < 0 {
			changes = append(changes, Change{Was: was, Remove: true})
		}
	}
	return changes
}

// Safe refuses what must never be sent, whoever planned it: more than seven voters, more than one vote changed at once, a
// primary that could not be primary afterwards, nobody who could be one, members that the server would refuse. Every
// mistake is named; the error wraps ErrUnsafe.
func Safe(before, after Config, primary string) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if v := after.Voters(); v < 1 || v > MaxVoters {
		bad("%d members would vote", v)
	}
	if n := votesChanged(before, after); n > 1 {
		bad("%d votes would change at once", n)
	}
	if m, ok := after.Find(primary); !ok || !m.Electable() {
		bad("the primary %s could not be primary any more", primary)
	}
	if after.Version <= before.Version {
		bad("version %d follows %d", after.Version, before.Version)
	}
	hosts, ids := map[string]bool{}, map[int]bool{}
	for _, m := range after.Members {
		if hosts[m.Host] || ids[m.ID] {
			bad("%s or its _id %d is there twice", m.Host, m.ID)
		}
		hosts[m.Host], ids[m.ID] = true, true
		if m.Priority > 0 && (m.Votes == 0 || m.Hidden) {
			bad("%s has a priority, but no vote or is hidden", m.Host)
		}
		if was, ok := before.Find(m.Host); ok && (was.ID != m.ID || was.Arbiter != m.Arbiter) {
			bad("%s would get another _id or kind", m.Host)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnsafe, errors.Join(errs...))
}

// votesChanged is how many members vote in only one of the two.
func votesChanged(before, after Config) (n int) {
	for _, m := range before.Members {
		is, _ := after.Find(m.Host)
		n += m.Votes ^ is.Votes
	}
	for _, m := range after.Members {
		if before.index(m.Host) < 0 {
			n += m.Votes
		}
	}
	return n
}
