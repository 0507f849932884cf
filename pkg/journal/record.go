package journal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Record is what the journal says about one step in its current generation.
type Record struct {
	Gen         int             // generations that were closed
	Begun, Done bool            // Begun: a Revert may be needed. Done without Begun: a proof, or found done
	Undoing     bool            // its way back was begun since: what it changed may be as it was
	Was         json.RawMessage // from the first Begun of the generation
	Touches     []string        // what it changes
	Order       int             // number of the entry that opened the generation, from 1; 0 = not open
	BegunAt     int             // number of the newest entry that it was begun, 0 = never in this generation
	DoneAt      int             // the same of the newest entry that it was done

	facts  map[string]json.RawMessage
	factAt map[string]int
}

// Open reports whether there is anything to close.
func (r Record) Open() bool { return r.Begun || r.Done }

// SameFacts reports whether facts say nothing new about the step.
func (r Record) SameFacts(facts map[string]json.RawMessage) bool {
	for name, f := range facts {
		if string(r.facts[name]) != string(f) {
			return false
		}
	}
	return true
}

// PhaseState is what the journal says about a phase.
type PhaseState struct {
	Finished bool      // every step of it was done, and nothing of it was begun again or taken back since
	Open     int       // steps that are open
	At       time.Time // of its newest entry
	Plan     string    // digest of the plan that wrote that entry
}

// fold takes one more entry into account. The caller holds mu, or nobody else has the Log yet.
func (l *Log) fold(e Entry) {
	l.entries = append(l.entries, e)
	p := l.phases[e.Phase]
	p.At, p.Plan = e.At, e.Plan
	switch e.What {
	case Finished:
		p.Finished = true
	case Begun, Undoing, Reverted, Left:
		p.Finished = false
	}
	if e.Step != "" {
		k := key{e.Phase, e.Step}
		before := l.records[k]
		after := before.next(e, len(l.entries))
		l.records[k] = after
		switch {
		case after.Open() && !before.Open():
			p.Open++
		case before.Open() && !after.Open():
			p.Open--
		}
	}
	l.phases[e.Phase] = p
}

// next is the record after entry number at.
func (r Record) next(e Entry, at int) Record {
	switch e.What {
	case Reverted:
		return Record{Gen: r.Gen + 1}
	case Failed:
		return r
	case Begun:
		if r.Begun { // again, after a drift: the first snapshot and facts of a generation stay
			e.Facts = e.Anew
		} else {
			r.Begun, r.Was = true, e.Was
		}
		r.Done, r.Undoing, r.BegunAt = false, false, at
	case Done:
		r.Done, r.Undoing, r.DoneAt = true, false, at
	case Undoing:
		r.Done, r.Undoing = false, true
	}
	if r.Order == 0 {
		r.Order = at
	}
	if len(e.Touches) > 0 {
		r.Touches = e.Touches
	}
	if len(e.Facts) == 0 {
		return r
	}
	facts, factAt := map[string]json.RawMessage{}, map[string]int{} // copied: readers may hold the old record
	maps.Copy(facts, r.facts)
	maps.Copy(factAt, r.factAt)
	for name, f := range e.Facts {
		facts[name], factAt[name] = f, at
	}
	r.facts, r.factAt = facts, factAt
	return r
}

// Phase returns what is known about a phase; the zero value if nothing is.
func (l *Log) Phase(name string) PhaseState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.phases[name]
}

// Of returns what is known about a step.
func (l *Log) Of(phase, step string) Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records[key{phase, step}]
}

// Steps returns the IDs of the steps of phase that are open, oldest first.
func (l *Log) Steps(phase string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for k, r := range l.records {
		if k.phase == phase && r.Open() {
			ids = append(ids, k.step)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Compare(l.records[key{phase, a}].Order, l.records[key{phase, b}].Order)
	})
	return ids
}

// EachOpen calls f for every open step of every phase, in no order.
func (l *Log) EachOpen(f func(phase, step string, r Record)) {
	l.mu.Lock()
	records := maps.Clone(l.records)
	l.mu.Unlock()
	for k, r := range records {
		if r.Open() {
			f(k.phase, k.step, r)
		}
	}
}

// Fact finds the newest fact of that name among open generations; false = there is none.
func (l *Log) Fact(name string, into any) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found json.RawMessage
	newest := 0
	for _, r := range l.records {
		if at := r.factAt[name]; at > newest {
			newest, found = at, r.facts[name]
		}
	}
	if newest == 0 {
		return false, nil
	}
	if err := json.Unmarshal(found, into); err != nil {
		return true, fmt.Errorf("fact %s: %w", name, err)
	}
	return true, nil
}
