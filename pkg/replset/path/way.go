package path

import (
	"fmt"
	"slices"
)

// kind is what is reached at a position.
type kind int

const (
	start   kind = iota // the side that takes is joined: no votes, no priority, hidden
	visible             // it can be seen by clients
	votes               // one vote more or less
	moved               // the primary is on the side that takes
	alone               // nobody on the side that gives can be primary
	top                 // of the old side only the members of the highest priority, and the primary, can be primary
	topped              // such a member is primary
	rest                // the side that gives is hidden; on the way back, old is as it was at first
)

// Position is one state on a way.
type Position struct {
	ID    string // of the step that leads there: "replset:rs0/3+2", "replset:rs0/back/3+2"
	Name  string // "B5" ahead, "R5" back: the same number is the same role
	Title string // of that step, in words

	Old, New         int // how many of each side vote there
	Voters, Majority int
	Even             bool // the even split: if the link is cut, nobody can elect
	StepDown         bool // it is reached by replSetStepDown, not by a reconfig

	// Who can elect, or keep, a primary if the link between old and new is cut there, and who if the primary dies.
	Cut, Dies Electors

	kind kind
	lead int // votes of the side that gives minus votes of the side that takes
}

// Way is the way from old to new, or back.
type Way struct {
	goal      Goal
	back      bool
	from, to  []seat
	gives     []seat // those of from that vote, in the order in which they got their votes
	takes     []seat // those of to that vote, in the order in which they get theirs
	positions []Position
}

// Ahead is the way from old to new.
func Ahead(g Goal) (*Way, error) { return newWay(g, false) }

// Back is the way from new to old. Where the primary never moved it has no election.
func Back(g Goal) (*Way, error) { return newWay(g, true) }

func newWay(g Goal, back bool) (*Way, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	g.First, g.New = g.First.clone(), slices.Clone(g.New) // they are the caller's
	w := &Way{goal: g, back: back}
	w.from, w.to = g.sides()
	if back {
		w.from, w.to = w.to, w.from
	}
	w.gives, w.takes = rising(w.from), rising(w.to)
	w.lay()
	return w, w.survey()
}

// Positions are all positions in order. The first is where the way begins: no step leads there.
func (w *Way) Positions() []Position { return slices.Clone(w.positions) }

// Even is the index of the even split. The step to it and the one after it are the stretch that must not be left
// half-way; where the side that takes has one vote only, the primary moves in between.
func (w *Way) Even() int {
	return slices.IndexFunc(w.positions, func(p Position) bool { return p.Even })
}

// Over is the index of the first position behind the even split whose votes are not even any more.
func (w *Way) Over() int {
	return slices.IndexFunc(w.positions, func(p Position) bool { return p.kind == votes && p.lead == -1 })
}

// pair is how many of each side vote at that lead: as many as can be.
func (w *Way) pair(lead int) (from, to int) {
	to = min(len(w.takes), len(w.gives)-lead, (MaxVoters-lead)/2)
	return to + lead, to
}

// lay lists the positions.
func (w *Way) lay() {
	gives, takes := len(w.gives), len(w.takes)
	w.add("", start, gives, "/joined", "")
	w.add("1", visible, gives, "", fmt.Sprintf("show the %s members to clients", w.taking()))
	for lead := gives - 1; lead > 0; lead-- {
		w.add(fmt.Sprintf("2.%d", gives-lead), votes, lead, "", "")
	}
	w.add("5", votes, 0, "", "")
	lead := -1
	if takes > 1 { // else the only vote left on the giving side is the primary's own, which it cannot give up
		w.add("6", votes, lead, "", "")
	}
	w.add("7", moved, lead+boolInt(takes == 1), "/primary", fmt.Sprintf("move the primary to %s", w.taking()))
	if takes > 1 {
		w.add("9", alone, lead, "/settled", fmt.Sprintf("let no %s member be primary", w.giving()))
		lead--
	}
	for n := 1; lead > -takes; lead, n = lead-1, n+1 {
		w.add(fmt.Sprintf("10.%d", n), votes, lead, "", "")
	}
	w.add("11", votes, -takes, "", "")
	if !w.back {
		w.add("12", rest, -takes, "/hidden", "hide the old members from clients")
		return
	}
	if w.unequal() {
		w.add("12.1", top, -takes, "/top", "let only the old members of the highest priority be the next primary")
		w.add("12.2", topped, -takes, "/top/primary", "move the primary to an old member of the highest priority")
	}
	w.add("12", rest, -takes, "/first", "hide the new members from clients and give the old ones back what they were")
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *Way) giving() string { return sideName(w.back) }
func (w *Way) taking() string { return sideName(!w.back) }

func sideName(isNew bool) string {
	if isNew {
		return New
	}
	return Old
}

// add appends a position; titles of those that move a vote follow from the pair before.
func (w *Way) add(number string, k kind, lead int, suffix, title string) {
	o, n := w.pair(lead)
	if w.back {
		o, n = n, o
	}
	p := Position{Old: o, New: n, Voters: o + n, Majority: (o+n)/2 + 1, Even: k == votes && lead == 0, StepDown: k == moved || k == topped, kind: k, lead: lead}
	letter, dir := "B", ""
	if w.back {
		letter, dir = "R", "back/"
	}
	p.ID, p.Name = fmt.Sprintf("replset:%s/%s%d+%d%s", w.goal.Set, dir, o, n, suffix), letter+number
	p.Title = title
	if k == votes {
		p.Title = w.voteTitle(p, w.positions[len(w.positions)-1])
	}
	w.positions = append(w.positions, p)
}

func (w *Way) voteTitle(p, before Position) string {
	what, side := "give", Old
	if p.Old+p.New < before.Old+before.New {
		what = "take"
	}
	if p.New != before.New {
		side = New
	}
	t := fmt.Sprintf("%s one %s member a vote", what, side)
	if what == "take" {
		t = fmt.Sprintf("take the vote of one %s member", side)
	}
	if p.Even {
		t += fmt.Sprintf(" and let %s be primary: an even split", w.taking())
	}
	return fmt.Sprintf("%s (%d old + %d new)", t, p.Old, p.New)
}

// unequal reports whether the old members had different priorities, of those above 0.
func (w *Way) unequal() bool {
	was := -1.0
	for _, m := range w.goal.First.Members {
		if m.Electable() {
			if was >= 0 && m.Priority != was {
				return true
			}
			was = m.Priority
		}
	}
	return false
}

// highest is the seats of old with the highest priority.
func (w *Way) highest() []seat {
	old := slices.Clone(w.gives)
	if w.back {
		old = slices.Clone(w.takes)
	}
	return slices.DeleteFunc(old, func(s seat) bool { return s.priority < old[0].priority })
}

func (w *Way) old() []seat {
	if w.back {
		return w.to
	}
	return w.from
}

func (w *Way) fresh() []seat {
	if w.back {
		return w.from
	}
	return w.to
}
