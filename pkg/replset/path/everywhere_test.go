package path

import (
	"fmt"
	"slices"
	"testing"
)

// explored is every state that a set can get into when each run goes ahead or back as it likes and stops after any
// move, and when any member that can be elected wins, after a step-down or because the primary died.
type explored struct {
	t           *testing.T
	g           Goal
	ahead, back *Way
	ends        map[string]bool // known to end, by way and state
}

// key is what differs between two states of one goal.
func key(l Live) string {
	b := make([]byte, 0, 4*len(l.Members))
	for _, m := range l.Members {
		b = append(b, byte(m.Votes), byte(2*m.Priority), byte(boolInt(m.Hidden)), byte(boolInt(m.Host == l.Primary)))
	}
	return string(b)
}

// states lists them. Their versions and terms are of no matter.
func (e *explored) states(from Live) []Live {
	seen, all := map[string]bool{}, []Live{}
	var visit func(Live)
	visit = func(l Live) {
		if seen[key(l)] {
			return
		}
		seen[key(l)] = true
		all = append(all, l)
		for _, w := range []*Way{e.ahead, e.back} {
			if m := e.move(w, l); m.Do == Reconfig {
				visit(Live{Config: m.After, Primary: l.Primary})
			}
		}
		for _, m := range l.Members {
			if m.Electable() {
				visit(Live{Config: l.Config, Primary: m.Host})
			}
		}
	}
	visit(from)
	return all
}

// move plans, and judges by itself what was planned.
func (e *explored) move(w *Way, l Live) Move {
	m, err := w.Next(l)
	if err != nil {
		e.t.Fatalf("back %t, next of %v with primary %s: %v", w.back, l.Config, l.Primary, err)
	}
	if m.Do == Reconfig {
		primary, _ := m.After.Find(l.Primary)
		voters, changed := 0, 0
		for i, is := range m.After.Members {
			voters += is.Votes
			if l.Members[i].Votes != is.Votes {
				changed++
			}
			if is.Priority > 0 && (is.Votes == 0 || is.Hidden) || l.Members[i].Host != is.Host || l.Members[i].ID != is.ID {
				e.t.Fatalf("the server refuses %v", m.After)
			}
			if primary.Priority == 0 {
				e.t.Fatalf("104: the primary %s in %v", l.Primary, m.After)
			}
			if was, _ := l.Find(l.Primary); is.Priority > primary.Priority && l.Members[i].Priority <= was.Priority {
				e.t.Fatalf("%s would take over by itself from %s: %v", is.Host, l.Primary, m.Changes)
			}
		}
		if voters > 7 || changed > 1 {
			e.t.Fatalf("%d voters, %d votes changed: %v", voters, changed, m.Changes)
		}
	}
	return m
}

// alive: whoever has the majority of the votes has somebody who can be primary.
func (e *explored) alive(c Config) (even bool) {
	votes, can := map[bool]int{}, map[bool]bool{}
	for _, m := range c.Members {
		isNew := slices.Contains(e.g.New, m.Host)
		votes[isNew] += m.Votes
		can[isNew] = can[isNew] || m.Votes > 0 && m.Priority > 0
	}
	if votes[true] == votes[false] {
		return true
	}
	if !can[votes[true] > votes[false]] {
		e.t.Fatalf("the majority can elect nobody in %v", c)
	}
	return false
}

// end goes on to the end of w, with every possible winner, and wants at most one even split on the way.
func (e *explored) end(w *Way, l Live, evens, moves int) {
	state := key(l) + string([]byte{byte(boolInt(w.back)), byte(evens)})
	if e.ends[state] {
		return
	}
	at, err := w.At(l)
	if err != nil || moves > len(w.positions)+2 {
		e.t.Fatalf("%d moves, at %v: %v", moves, l, err)
	}
	m := e.move(w, l)
	switch m.Do {
	case Stay:
		e.arrived(w, l)
	case Reconfig:
		after := Live{Config: m.After, Primary: l.Primary}
		if now, err := w.At(after); err != nil || now < m.Reaches || now <= at {
			e.t.Fatalf("from %d to %d, %v: %v", at, now, err, m)
		}
		if e.alive(m.After) {
			evens++
		}
		if evens > 1 {
			e.t.Fatalf("a second even split at %v", m.After)
		}
		e.end(w, after, evens, moves+1)
	case StepDown:
		won := 0
		for _, s := range w.to {
			if c, _ := l.Find(s.host); c.Electable() && c.Host != l.Primary && (w.positions[m.Reaches].kind == moved || has(w.highest(), c.Host)) {
				e.end(w, Live{Config: l.Config, Primary: s.host}, evens, moves+1)
				won++
			}
		}
		if won == 0 {
			e.t.Fatalf("%s steps down and nobody can win in %v", l.Primary, l.Config)
		}
	}
	e.ends[state] = true
}

// arrived judges an end: back is the first configuration with the new members hidden, ahead its mirror image.
func (e *explored) arrived(w *Way, l Live) {
	for _, was := range e.g.First.Members {
		m, _ := l.Find(was.Host)
		want := was
		if !w.back {
			want.Votes, want.Priority, want.Hidden = 0, 0, true
		}
		if m != want {
			e.t.Fatalf("back %t ends with %v, want %v", w.back, m, want)
		}
	}
	priority := -1.0
	for _, h := range e.g.New {
		m, _ := l.Find(h)
		if w.back && (m.Votes != 0 || m.Priority != 0 || !m.Hidden) || !w.back && (m.Votes != 1 || m.Priority <= 0 || m.Hidden) {
			e.t.Fatalf("back %t ends with %v", w.back, m)
		}
		if priority >= 0 && m.Priority != priority {
			e.t.Fatalf("unequal priorities of the new members: %v", l.Config)
		}
		priority = m.Priority
	}
}

func explore(t *testing.T, g Goal) {
	t.Helper()
	e := &explored{t: t, g: g, ends: map[string]bool{}}
	e.ahead, e.back = ways(t, g)
	for _, p := range g.First.Members {
		if !p.Electable() {
			continue
		}
		for _, l := range e.states(joined(t, g, p.Host)) {
			e.alive(l.Config)
			e.end(e.ahead, l, 0, 0)
			e.end(e.back, l, 0, 0)
		}
	}
}

func TestEverySizeEndsFromEverywhereInBothDirections(t *testing.T) {
	for m := 1; m <= 7; m++ {
		for n := 1; n <= 7; n++ {
			t.Run(fmt.Sprintf("%d+%d", m, n), func(t *testing.T) { explore(t, goal(m, n)) })
		}
	}
}

func TestOldSetsOfEveryShapeEndFromEverywhereAndAreRestored(t *testing.T) {
	for name, shape := range shapes() {
		for n := 1; n <= 4; n++ {
			t.Run(fmt.Sprintf("%s to %d", name, n), func(t *testing.T) {
				g := goal(len(shape), n)
				for i, m := range shape {
					m.ID, m.Host = g.First.Members[i].ID, g.First.Members[i].Host
					g.First.Members[i] = m
				}
				explore(t, g)
			})
		}
	}
}

// shapes are old sets whose members are not alike.
func shapes() map[string][]Member {
	yes := func(p float64) Member { return Member{Votes: 1, Priority: p} }
	hidden := Member{Votes: 1, Hidden: true}
	return map[string][]Member{
		"one above the others":    {yes(2), yes(1), yes(1)},
		"three apart":             {yes(0.5), yes(3), yes(1)},
		"two above":               {yes(5), yes(1), yes(5), yes(1), yes(1)},
		"a voter of priority 0":   {yes(0), yes(1), yes(1)},
		"one that can be primary": {yes(0), hidden, yes(2)},
		"non-voting ones":         {yes(1), {}, yes(1), {Hidden: true}, yes(1)},
		"one of two":              {yes(0), yes(1)},
		"nine with seven votes":   {yes(1), yes(2), yes(1), {}, hidden, yes(0), yes(1), {Hidden: true}, yes(1)},
	}
}

func TestEachWayHasOneEvenSplitAndSingleVotes(t *testing.T) {
	for m := 1; m <= 7; m++ {
		for n := 1; n <= 7; n++ {
			ahead, back := ways(t, goal(m, n))
			for _, w := range []*Way{ahead, back} {
				evens, ids := 0, map[string]bool{}
				for i, p := range w.Positions() {
					if ids[p.ID] || ids[p.Name] || p.Title == "" && i > 0 {
						t.Errorf("%d+%d: %q is there twice, or has no title", m, n, p.ID)
					}
					ids[p.ID], ids[p.Name] = true, true
					if p.Voters > 7 || p.Voters != p.Old+p.New {
						t.Errorf("%d+%d: %v", m, n, p)
					}
					if p.Even {
						evens++
					}
					if i == 0 {
						continue
					}
					if b := w.positions[i-1]; abs(b.Old-p.Old)+abs(b.New-p.New) > 1 {
						t.Errorf("%d+%d: from %d+%d to %d+%d", m, n, b.Old, b.New, p.Old, p.New)
					}
				}
				if evens != 1 || w.Over() <= w.Even() {
					t.Errorf("%d+%d: %d even splits, over at %d", m, n, evens, w.Over())
				}
			}
		}
	}
}

func abs(n int) int { return max(n, -n) }

func TestInterleavingKeepsToSevenVoters(t *testing.T) {
	for size, want := range map[[2]int]string{
		{5, 5}: "one of old + new: 5+0 5+1 5+2 4+2 4+3 3+3 3+4 2+4 2+5 1+5 0+5",
		{7, 7}: "one of old + new: 7+0 6+0 6+1 5+1 5+2 4+2 4+3 3+3 3+4 2+4 2+5 1+5 1+6 0+6 0+7",
		{1, 3}: "one of old + new: 1+0 1+1 1+2 1+3 0+3",
		{3, 1}: "one of old + new: 3+0 3+1 2+1 1+1 0+1",
		{1, 1}: "one of old + new: 1+0 1+1 0+1",
	} {
		if ahead, _ := ways(t, goal(size[0], size[1])); ahead.pairs() != want {
			t.Errorf("%v: %s", size, ahead.pairs())
		}
	}
}
