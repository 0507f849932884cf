package path

import (
	"fmt"
	"slices"
)

// At is the index of the last position that l has reached: at or beyond it, a step is done. Only the step-downs need to
// know who is primary; with none seen they count as not reached, unless what follows them is. Its errors wrap ErrOffPath.
func (w *Way) At(l Live) (int, error) {
	if err := w.known(l.Config); err != nil {
		return 0, err
	}
	from, to := count(l.Config, w.from), count(l.Config, w.to)
	lead := from - to
	if f, t := w.pair(lead); f != from || t != to || lead > len(w.gives) || lead < -len(w.takes) {
		return 0, fmt.Errorf("%w: %d %s and %d %s members vote; put back the votes by hand, as %s", ErrOffPath,
			from, w.giving(), to, w.taking(), w.pairs())
	}
	at := 0
	for i, p := range w.positions {
		if p.lead >= lead && (p.lead > lead || w.reached(p, l)) {
			at = i
		}
	}
	return at, nil
}

// reached reports whether l, whose votes are those of p, is at p or beyond.
func (w *Way) reached(p Position, l Live) bool {
	switch p.kind {
	case start, votes:
		return true
	case visible:
		return !slices.ContainsFunc(w.to, func(s seat) bool { m, _ := l.Find(s.host); return m.Hidden != s.hidden })
	case moved:
		return has(w.to, l.Primary)
	case alone:
		return !w.canBePrimary(l.Config, w.from)
	case topped:
		return has(w.highest(), l.Primary) || !slices.ContainsFunc(w.highest(), func(s seat) bool { return !slices.Contains(l.Down, s.host) })
	case top:
		return w.onTop(l)
	case rest:
		return w.resting(l.Config)
	}
	return false
}

// onTop reports whether nobody but the primary and the old members of the highest priority can be primary.
func (w *Way) onTop(l Live) bool {
	for _, s := range w.to {
		m, _ := l.Find(s.host)
		if is := has(w.highest(), s.host); is != m.Electable() && m.Host != l.Primary {
			return false
		}
	}
	return true
}

// resting reports whether the giving side is hidden and, on the way back, old is what it was.
func (w *Way) resting(c Config) bool {
	for _, s := range w.from {
		if m, _ := c.Find(s.host); !m.Hidden {
			return false
		}
	}
	for _, m := range w.goal.First.Members {
		is, _ := c.Find(m.Host)
		if is.ID = m.ID; w.back && is != m {
			return false
		}
	}
	return true
}

func (w *Way) canBePrimary(c Config, side []seat) bool {
	return slices.ContainsFunc(side, func(s seat) bool { m, _ := c.Find(s.host); return m.Electable() })
}

// known refuses configurations whose members are not exactly those of both sides, or vote where they never should.
func (w *Way) known(c Config) error {
	all := slices.Concat(w.from, w.to)
	for _, m := range c.Members {
		i := slices.IndexFunc(all, func(s seat) bool { return s.host == m.Host })
		switch {
		case i < 0:
			return fmt.Errorf("%w: %s is neither an old member nor one of mongodb.new; remove it from the set, or start over with it", ErrOffPath, m.Host)
		case m.Votes > 0 && !all[i].votes:
			return fmt.Errorf("%w: %s votes, which it did not at first; take its vote", ErrOffPath, m.Host)
		case m.Arbiter:
			return fmt.Errorf("%w: %s became an arbiter; replace it by a member with data", ErrOffPath, m.Host)
		}
	}
	for _, s := range all {
		if c.index(s.host) < 0 {
			return fmt.Errorf("%w: %s is not in the set; add it again without votes, priority and hidden", ErrOffPath, s.host)
		}
	}
	return nil
}

// count is how many of side vote.
func count(c Config, side []seat) (n int) {
	for _, s := range side {
		m, _ := c.Find(s.host)
		n += m.Votes
	}
	return n
}

// pairs is every pair of votes on the way, for messages.
func (w *Way) pairs() string {
	text, last := "", ""
	for _, p := range w.positions {
		if pair := fmt.Sprintf("%d+%d", p.Old, p.New); pair != last {
			text, last = text+" "+pair, pair
		}
	}
	return "one of old + new:" + text
}
