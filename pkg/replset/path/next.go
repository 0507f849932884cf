package path

import (
	"fmt"
	"slices"
)

// Action is what a Move does.
type Action int

// The actions.
const (
	Stay     Action = iota // the way is at its end
	Reconfig               // install After, whose Version is one more than that of what was read
	StepDown               // the primary steps down; whoever of the side that takes wins is right
)

// Move is the single next thing to do.
type Move struct {
	Do      Action
	Reaches int      // index of the position that it leads to
	After   Config   // for Reconfig: all members as they shall be
	Changes []Change // for Reconfig: what differs from what was read
}

// Next is the single next safe move on the way from l. Its errors wrap ErrOffPath, ErrNoPrimary or ErrUnsafe.
func (w *Way) Next(l Live) (Move, error) {
	at, err := w.At(l)
	switch {
	case err != nil:
		return Move{}, err
	case at == len(w.positions)-1:
		return Move{Reaches: at}, nil
	case l.Primary == "":
		return Move{}, fmt.Errorf("go from %s to %s: %w", w.positions[at].ID, w.positions[at+1].ID, ErrNoPrimary)
	case l.index(l.Primary) < 0:
		return Move{}, fmt.Errorf("%w: the primary %s is not a member of it; read both again", ErrOffPath, l.Primary)
	}
	p := w.positions[at+1]
	if moved := w.moved(); p.StepDown || at >= moved && has(w.from, l.Primary) { // somebody let the giving side win again
		return Move{Do: StepDown, Reaches: max(moved, at+boolInt(p.StepDown))}, nil
	}
	after := w.arrange(l, p)
	after.Version++
	if err := Safe(l.Config, after, l.Primary); err != nil {
		return Move{}, fmt.Errorf("go from %s to %s: %w", w.positions[at].ID, p.ID, err)
	}
	return Move{Do: Reconfig, Reaches: at + 1, After: after, Changes: Diff(l.Config, after)}, nil
}

func (w *Way) moved() int {
	return slices.IndexFunc(w.positions, func(p Position) bool { return p.kind == moved })
}

// arrange is the configuration at p, reached from the position before it.
func (w *Way) arrange(l Live, p Position) Config {
	c := l.clone()
	primary, _ := c.Find(l.Primary)
	set := func(side []seat, change func(s seat, m *Member)) {
		for _, s := range side {
			change(s, &c.Members[c.index(s.host)])
		}
	}
	show := func(s seat, m *Member) { m.Hidden = s.hidden }
	equal := func(s seat, m *Member) {
		if m.Votes > 0 && s.priority > 0 {
			m.Priority = primary.Priority
		}
	}
	retire := func(_ seat, m *Member) {
		if m.Host != l.Primary {
			m.Priority = 0
		}
	}
	if p.kind == votes {
		w.vote(&c, l.Primary, p)
	}
	switch {
	case p.kind == rest:
		set(w.from, func(_ seat, m *Member) { m.Priority, m.Hidden = 0, true })
		if w.back {
			set(w.to, func(s seat, m *Member) { m.Priority, m.Hidden = s.priority, s.hidden })
		}
	case p.kind == top:
		set(w.to, retire)
		set(w.highest(), equal)
	case p.lead > 0:
		set(w.to, show)
	case p.lead == 0:
		set(w.to, show)
		set(w.to, equal)
		set(w.from, func(_ seat, m *Member) { m.Priority = min(m.Priority, primary.Priority) }) // no takeover in the even split
	default:
		set(w.to, show)
		set(w.to, equal)
		set(w.from, retire)
	}
	return c
}

// vote moves the one vote between the position before p and p. The primary keeps its own.
func (w *Way) vote(c *Config, primary string, p Position) {
	from, to := w.pair(p.lead)
	for _, s := range w.takes {
		if m := &c.Members[c.index(s.host)]; m.Votes == 0 && count(*c, w.to) < to {
			m.Votes = 1
		}
	}
	for _, s := range slices.Backward(w.gives) {
		if m := &c.Members[c.index(s.host)]; m.Votes > 0 && m.Host != primary && count(*c, w.from) > from {
			m.Votes, m.Priority = 0, 0
		}
	}
}
