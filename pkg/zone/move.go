package zone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// Seen is what there is of one name now.
type Seen struct {
	Own    []Set  // what the name owns, at the server that is edited
	Answer Answer // what is answered for it; a wildcard may answer what nobody owns
}

// Move is one change of many names of one zone. Its step is pending until the edited server has all of it, and then waits
// until every address of every authoritative server serves it.
type Move struct {
	Zone  *Zone
	Names []string

	ID, Title, Knob, Final string
	Limit                  time.Duration
	Intent                 any

	// Want is what a name has to own. For what it returns itself it has to return the same. An error is a no.
	Want func(ctx context.Context, name string, s Seen) ([]Set, error)

	// Back is what a name has to own once it went back to was; an error is a no. Nil: was itself, unless somebody changed
	// the name in between.
	Back func(name string, have, was []Set) ([]Set, error)

	Begins func(readings []Reading) map[string]any                        // facts of the moment before the change, each time
	Ends   func(ctx context.Context, r []Reading) (map[string]any, error) // facts of when all servers serve it

	// Returns, if set, has the last word on the way back: it is given what was seen, and Done once all servers serve what was.
	Returns func(phase.Observation) (phase.Observation, error)

	next []Change // what the last look wants to change
	seen bool
	told bool // a person was asked to change it, in this process
}

// Step makes the step.
func (m *Move) Step() phase.Step {
	s := phase.Step{
		ID: m.ID, Title: m.Title, Limit: m.Limit, Knob: m.Knob, Final: m.Final, Intent: m.Intent,
		Touches: []phase.Object{{Env: "dns", Kind: "Zone", Name: m.Zone.Name}},
		Observe: m.Observe, Apply: m.apply,
	}
	if m.Final == "" {
		s.Revert, s.Reverted = m.revert, m.reverted
	}
	return s
}

// Observe is the step's.
func (m *Move) Observe(ctx context.Context) (phase.Observation, error) {
	m.next, m.seen = nil, false
	if len(m.Names) == 0 {
		return phase.Observation{State: phase.Failed, Detail: "no host in scope is in zone " + m.Zone.Name + ": there is nothing to change"}, nil
	}
	own, readings, err := m.look(ctx, m.Names)
	if err != nil {
		return phase.Observation{}, err
	}
	var nos []string
	want, unseen := Names{}, m.unseen(own, readings)
	for _, name := range m.Names {
		if want[name], err = m.Want(ctx, name, seenOf(own, readings, name)); err != nil {
			nos = append(nos, err.Error())
		} else if err = fits(m.Zone.Editor.Abilities(), name, own[name], want[name]); err != nil {
			nos = append(nos, err.Error())
		}
	}
	more, err := crowded(ctx, readings, own, want)
	if err != nil {
		return phase.Observation{}, err
	}
	if nos = append(nos, more...); len(nos) > 0 {
		return phase.Observation{State: phase.Failed, Detail: "zone " + m.Zone.Name + " is not as it has to be: " + few(nos) + unseen}, nil
	}
	m.next, m.seen = differences(own, want), true
	behind := Behind(readings, owned(own))
	switch {
	case len(m.next) == 0 && len(behind) == 0:
		return m.done(ctx, readings, unseen)
	case len(behind) > 0: // of the change, or of what somebody wrote before it: then nothing goes on top of it
		m.next, m.seen = nil, len(m.next) == 0
		return phase.Observation{State: phase.Settling, Detail: "not every name server serves what the zone has: " + few(behind)}, nil
	}
	was, err := json.Marshal(own)
	if err != nil {
		return phase.Observation{}, fmt.Errorf("remember zone %s: %w", m.Zone.Name, err)
	}
	o := phase.Observation{
		State: phase.Pending, Detail: fmt.Sprintf("%d of %d names are to change%s", len(m.next), len(m.Names), unseen), Diff: diff(m.next), Was: was,
	}
	if m.told {
		return byHand(o.Diff), nil
	}
	if m.Begins != nil {
		o.Anew = m.Begins(readings)
	}
	return o, nil
}

// There reports whether the last look found all that is wanted at the server that is edited, if not yet at every one.
func (m *Move) There() bool { return m.seen && len(m.next) == 0 }

// fits says what of a change is beyond an editor, so that a proof says no before the first change of all.
func fits(a Abilities, name string, was, want []Set) error {
	_, before := Typed(was, "CNAME")
	_, after := Typed(want, "CNAME")
	if a.AliasStays && before != after && len(was) > 0 && len(want) > 0 {
		return fmt.Errorf("%s would change between alias and addresses, and who edits the zone cannot do that at once", name)
	}
	for _, s := range want {
		if was, had := Typed(was, s.Type); s.TTL < a.MinTTL && (!had || was.TTL != s.TTL) {
			return fmt.Errorf("%s %s would get a TTL of %ds, and who serves the zone takes %ds at least", name, s.Type, s.TTL, a.MinTTL)
		}
	}
	return nil
}

// unseen says of which names it is not known whether what is answered is theirs or a wildcard's, "" for none.
func (m *Move) unseen(own Names, readings []Reading) string {
	guess := m.Zone.Editor.Abilities().Guess
	if guess == "" {
		return ""
	}
	var names []string
	for _, name := range m.Names {
		if s := seenOf(own, readings, name); len(s.Own) == 0 && len(s.Answer.Sets) > 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; taken for a wildcard's, and they may be records of their own: %s (%s)", few(names), guess)
}

// byHand is what is seen of a change that a person has to make.
func byHand(diff string) phase.Observation {
	return phase.Observation{
		State: phase.Settling, Detail: "change these records by hand, each name at once if that can be done:\n" + diff, Diff: diff, NotBefore: time.Now().Add(time.Minute),
	}
}

func (m *Move) done(ctx context.Context, readings []Reading, unseen string) (phase.Observation, error) {
	o := phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d names, served alike by %s%s", len(m.Names), spoken(readings), unseen)}
	if m.Ends == nil {
		return o, nil
	}
	var err error
	o.Facts, err = m.Ends(ctx, readings)
	return o, err
}

// look asks the edited server and all authoritative ones. One that does not answer could have anything.
func (m *Move) look(ctx context.Context, names []string) (Names, []Reading, error) {
	own, err := m.Zone.Editor.Get(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	readings, err := m.Zone.Read(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, r := range readings {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("name server %s of zone %s could not be asked: %w", r.Server, m.Zone.Name, r.Err))
		}
	}
	return own, readings, errors.Join(errs...)
}

func seenOf(own Names, readings []Reading, name string) Seen {
	s := Seen{Own: own[name]}
	for _, r := range readings {
		if answer, given := r.Answers["tcp"][name]; given {
			s.Answer = answer
			break
		}
	}
	return s
}

// owned leaves out names that own nothing: what is served for them is a wildcard's.
func owned(own Names) Names {
	out := maps.Clone(own)
	maps.DeleteFunc(out, func(_ string, sets []Set) bool { return len(sets) == 0 })
	return out
}

func differences(have, want Names) (all []Change) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !Same(have[name], want[name]) {
			all = append(all, Change{Name: name, Was: have[name], Want: want[name]})
		}
	}
	return all
}

func diff(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		for _, s := range sorted(c.Was) {
			fmt.Fprintf(&b, "- %s\n", s)
		}
		for _, s := range sorted(c.Want) {
			fmt.Fprintf(&b, "+ %s\n", s)
		}
	}
	return b.String()
}

func (m *Move) apply(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !m.seen {
		if o, err := m.Observe(ctx); err != nil {
			return err
		} else if o.State != phase.Pending && o.State != phase.Done {
			return fmt.Errorf("%s: %s", m.Title, o.Detail)
		}
	}
	return m.write(ctx, m.next)
}

// write makes changes. After an error it looks whether they are there all the same: an answer may have been lost.
func (m *Move) write(ctx context.Context, changes []Change) error {
	if len(changes) == 0 {
		return nil
	}
	m.told = m.Zone.Editor.Abilities().ByHand
	err := Swap(ctx, m.Zone.Editor, changes)
	if err == nil || fault.CodeOf(err) != fault.Unknown {
		return err
	}
	names, want := []string{}, Names{}
	for _, c := range changes {
		names, want[c.Name] = append(names, c.Name), c.Want
	}
	have, failed := m.Zone.Editor.Get(ctx, names)
	if failed == nil && len(differences(have, want)) == 0 {
		return nil
	}
	return err
}

// Swap makes changes at once or, where they do not fit into one request, in halves: each name wholly in one of them.
func Swap(ctx context.Context, e Editor, changes []Change) error {
	err := e.Swap(ctx, changes)
	if !errors.Is(err, ErrTooLarge) || len(changes) < 2 {
		return err
	}
	half := len(changes) / 2
	if err := Swap(ctx, e, changes[:half]); err != nil {
		return err
	}
	if err := Swap(ctx, e, changes[half:]); err != nil { // not ErrMoved: the first half was written
		return fmt.Errorf("after %d of %d names were changed: %s", half, len(changes), err.Error())
	}
	return nil
}
