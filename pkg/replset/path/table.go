package path

import "fmt"

// Electors says who could elect a primary, or keep the one there is.
type Electors struct {
	Old, New bool // members of that side could be the primary
	All      bool // only if every voter of the side is up
}

func (e Electors) String() string {
	who := "nobody"
	switch {
	case e.Old && e.New:
		return "any"
	case e.Old:
		who = Old
	case e.New:
		who = New
	}
	if e.All {
		return who + ", all its voters needed"
	}
	return who
}

// OnCut is who elects or keeps a primary while old and new do not see each other.
func (w *Way) OnCut(c Config) (e Electors) {
	old, fresh := w.old(), w.fresh()
	o, n := count(c, old), count(c, fresh)
	e.Old = o >= c.Majority() && w.canBePrimary(c, old)
	e.New = n >= c.Majority() && w.canBePrimary(c, fresh)
	e.All = e.Old && o == c.Majority() || e.New && n == c.Majority()
	return e
}

// OnDeath is who elects a primary when that of l is gone and all others are up.
func (w *Way) OnDeath(l Live) (e Electors) {
	old, fresh := w.old(), w.fresh()
	c, majority := l.clone(), l.Majority()
	if i := c.index(l.Primary); i >= 0 {
		c.Members[i].Votes = 0
	}
	if c.Voters() < majority {
		return e
	}
	return Electors{Old: w.canBePrimary(c, old), New: w.canBePrimary(c, fresh)}
}

// survey walks the way on paper and fills in who can elect at each position. Which member is the primary, or wins, does
// not matter for it; here it is the first that can be.
func (w *Way) survey() error {
	l := w.origin()
	for at, moves := 0, 0; ; moves++ {
		m, err := w.Next(l)
		if err == nil && moves > len(w.positions) {
			err = fmt.Errorf("%d moves do not lead beyond %s", moves, w.positions[at].ID)
		}
		if err != nil {
			return fmt.Errorf("walk the way of %s on paper: %w", w.goal.Set, err)
		}
		cut, dies := w.OnCut(l.Config), w.OnDeath(l)
		for ; at < m.Reaches; at++ { // those that are passed by without a move are like the last one seen
			w.positions[at].Cut, w.positions[at].Dies = cut, dies
		}
		if m.Do == Stay {
			w.positions[at].Cut, w.positions[at].Dies = cut, dies
			return nil
		}
		l = w.after(l, m)
	}
}

// origin is the configuration in which the way begins when all went well before.
func (w *Way) origin() Live {
	l := Live{Config: w.goal.First.clone()}
	for i, h := range w.goal.New {
		l.Members = append(l.Members, Member{ID: 1000 + i, Host: h, Hidden: true})
	}
	for i := range l.Members {
		m := &l.Members[i]
		if w.back {
			m.Hidden, m.Votes, m.Priority = !has(w.from, m.Host), boolInt(has(w.from, m.Host)), float64(boolInt(has(w.from, m.Host)))
		}
		if l.Primary == "" && m.Electable() {
			l.Primary = m.Host
		}
	}
	return l
}

// after is l once m was done and the first that can has won.
func (w *Way) after(l Live, m Move) Live {
	if m.Do == Reconfig {
		return Live{Config: m.After, Primary: l.Primary}
	}
	for _, s := range w.to {
		if c, _ := l.Find(s.host); c.Electable() && s.host != l.Primary {
			l.Primary = s.host
			break
		}
	}
	return l
}
