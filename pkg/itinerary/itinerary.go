// Package itinerary says which phases a plan has, which of them are past, which is next and which way leads back. It is
// pure: a plan and a journal in, stops out. It runs nothing and asks no cluster.
package itinerary

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/plan"
)

// The states of a stop.
const (
	StateDone    = "done"    // finished, and nothing of it was begun again or taken back since
	StateOpen    = "open"    // begun in one direction or the other, and not at its end
	StateNext    = "next"    // what apply runs now
	StateLater   = "later"   // within spec.through, but something comes before it
	StateBeyond  = "beyond"  // beyond spec.through
	StateUnbuilt = "unbuilt" // the plan asks for it, and this build cannot run it
)

// Stop is one phase on the way.
type Stop struct {
	Name  string
	State string
	Why   string // in words for a person
	Runs  bool   // apply may run it now; true for one stop at most
	Lost  bool   // it is in the journal, but no longer in the plan
}

// Built reports whether this build can run a phase of that name.
func Built(name string) bool {
	return slices.Contains([]string{"link", "ttl", "join", "proxy", "routes", "dns", "stepdown", "cleanup"}, name) || strings.HasPrefix(name, "migrate/")
}

// Of returns every phase of the plan in its order, and after them what the journal has beyond the plan.
func Of(p *plan.Plan, log *journal.Log) []Stop {
	lost := beyondPlan(p, log)
	block := "" // why nothing further on can run
	for _, s := range lost {
		if s.State == StateOpen && block == "" {
			block = fmt.Sprintf("first roll back %s, which is no longer in the plan, with the plan that began it", s.Name)
		}
	}
	names := p.Phases()
	last := slices.Index(names, p.Spec.Through)
	open := slices.IndexFunc(names, func(name string) bool { in := log.Phase(name); return in.Open > 0 && !in.Finished })
	var stops []Stop
	for i, name := range names {
		s := state(name, log.Phase(name), p.Digest())
		if s.State != StateDone {
			if i > last {
				s.hold(StateBeyond, "beyond spec.through, "+p.Spec.Through)
			}
			if i < open { // the plan has a phase more than when that one was begun
				s.hold(StateLater, names[open]+" is open: it comes to its end first, or goes back")
			}
			if block != "" {
				s.hold(StateLater, block)
			} else if i >= open {
				block = "after " + name
			}
		}
		stops = append(stops, s)
	}
	return append(stops, lost...)
}

// hold says that apply cannot run it now, and why.
func (s *Stop) hold(state, why string) {
	if s.State == StateNext {
		s.State = state
	}
	s.Runs, s.Why = false, join(s.Why, why)
}

// state is a stop as its own entries have it.
func state(name string, in journal.PhaseState, digest string) Stop {
	s := Stop{Name: name}
	switch {
	case in.Finished:
		s.State, s.Why = StateDone, "finished "+in.At.UTC().Format("2006-01-02 15:04:05Z")
		if in.Plan != "" && in.Plan != digest {
			s.Why += ", under an earlier plan"
		}
	case !Built(name):
		s.State, s.Why = StateUnbuilt, "this build cannot run it"
		if in.Open > 0 {
			s.State, s.Why = StateOpen, steps(in.Open)+" open, and this build cannot run it"
		}
	case in.Open > 0:
		s.State, s.Runs, s.Why = StateOpen, true, steps(in.Open)+" open"
	default:
		s.State, s.Runs = StateNext, true
	}
	return s
}

// beyondPlan is what the journal has and the plan has not, oldest first. What was left completely is nothing.
func beyondPlan(p *plan.Plan, log *journal.Log) []Stop {
	first := map[string]int{}
	for i, e := range log.Entries() {
		if _, ok := first[e.Phase]; !ok {
			first[e.Phase] = i
		}
	}
	for _, name := range p.Phases() {
		delete(first, name)
	}
	names := slices.SortedFunc(maps.Keys(first), func(a, b string) int { return first[a] - first[b] })
	var lost []Stop
	for _, name := range names {
		in := log.Phase(name)
		if !in.Finished && in.Open == 0 {
			continue
		}
		s := state(name, in, p.Digest())
		s.Lost, s.Runs, s.Why = true, false, join(s.Why, "no longer in the plan")
		lost = append(lost, s)
	}
	return lost
}

// Next returns the stop that apply runs now; false = there is none, and the reasons are in the stops.
func Next(stops []Stop) (Stop, bool) {
	i := slices.IndexFunc(stops, func(s Stop) bool { return s.Runs })
	if i < 0 {
		return Stop{}, false
	}
	return stops[i], true
}

// Following returns the phase that spec.through may be moved on to; false = something within it is not finished, or nothing
// follows. What was begun and is no longer in the plan comes to its end first, too.
func Following(p *plan.Plan, stops []Stop) (string, bool) {
	name, ok := p.Following()
	for _, s := range stops {
		if s.Name == name {
			break
		}
		ok = ok && s.State == StateDone
	}
	for _, s := range stops {
		ok = ok && (!s.Lost || s.State == StateDone)
	}
	if !ok {
		return "", false
	}
	return name, true
}

// Back returns the phases to roll back, newest first, so that to and everything after it is as it was before; an empty
// to means everything. It is an error, and nothing is returned, when there is nothing of to that could be rolled back,
// or when the way leads through a phase that this build or this plan cannot run.
func Back(stops []Stop, to string) ([]string, error) {
	var names []string
	for _, s := range slices.Backward(stops) {
		if s.State != StateDone && s.State != StateOpen {
			if s.Name == to {
				return nil, fault.New(fault.Usage, "see cutover status", "roll back %s: nothing of it was begun (%s)", to, s.State)
			}
			continue
		}
		if s.Lost {
			return nil, fault.New(fault.Refused, "use the plan that began it", "roll back %s: it is no longer in the plan", s.Name)
		}
		if !Built(s.Name) {
			return nil, fault.New(fault.Refused, "use the build that began it", "roll back %s: this build cannot run it", s.Name)
		}
		names = append(names, s.Name)
		if s.Name == to {
			return names, nil
		}
	}
	if to != "" {
		return nil, fault.New(fault.Usage, "see cutover status", "roll back %s: there is no such phase in the plan", to)
	}
	return names, nil
}

func steps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
