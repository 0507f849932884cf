package mongo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"cutover.dev/cutover/lab/world"
)

// Handover is one move of the primary as the members' own logs have it, in one clock since they share a machine.
type Handover struct {
	From, To string    // hosts
	Down     time.Time // From is a secondary
	Up       time.Time // To takes writes
}

// Gap is for how long no member took writes.
func (h Handover) Gap() time.Duration { return h.Up.Sub(h.Down) }

// Numbers of the lines of a mongod's log.
const (
	changedState = 21358 // from one state to another
	takesWrites  = 21331 // "Transition to primary complete"
)

// turn is what a member's log says of its part in a handover.
type turn struct {
	host string
	at   time.Time
	up   bool
}

// Handovers reads the logs of all members, and returns what happened since a time. A primary that was killed leaves no line:
// its end is no handover.
func Handovers(w world.World, since time.Time) ([]Handover, error) {
	var turns []turn
	for _, m := range Members(world.Clusters()...) {
		log, err := os.ReadFile(w.Log(m.Name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the log of %s: %w", m.Host(), err)
		}
		turns = append(turns, turnsIn(log, m.Host())...)
	}
	return pairs(turns, since), nil
}

func turnsIn(log []byte, host string) []turn {
	var turns []turn
	for line := range bytes.Lines(log) {
		if !bytes.Contains(line, fmt.Appendf(nil, `"id":%d`, changedState)) && !bytes.Contains(line, fmt.Appendf(nil, `"id":%d`, takesWrites)) {
			continue
		}
		var l struct {
			T struct {
				Date time.Time `json:"$date"`
			}
			ID   int
			Attr struct{ NewState, OldState string }
		}
		if json.Unmarshal(line, &l) != nil {
			continue // the end of the log of one that was killed
		}
		switch {
		case l.ID == takesWrites:
			turns = append(turns, turn{host, l.T.Date, true})
		case l.Attr.OldState == "PRIMARY":
			turns = append(turns, turn{host, l.T.Date, false})
		}
	}
	return turns
}

// pairs joins the end of each primary with the beginning of the next one.
func pairs(turns []turn, since time.Time) []Handover {
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Or(a.at.Compare(b.at), compareBool(a.up, b.up)) })
	var all []Handover
	var down *turn
	for _, t := range turns {
		if !t.up {
			down = new(t)
			continue
		}
		if down != nil && t.at.After(since) {
			all = append(all, Handover{From: down.host, To: t.host, Down: down.at, Up: t.at})
		}
		down = nil
	}
	return all
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
