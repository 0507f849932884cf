// Package journal records what a migration did, so that a later job can go on or take it back. Entries are only ever
// added. It owns the entries, their codec and what follows from them (records, facts, phases); where they are kept is
// the business of a Store. It never touches a cluster and decides nothing.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// ErrConflict is returned by Append when another run wrote first.
var ErrConflict = errors.New("journal was changed by another run")

// What happened to a step or, with an empty Step, to a phase.
type What string

// The kinds of Entry.
const (
	Begun    What = "begun"    // before the first Apply of a generation; carries Was
	Done     What = "done"     // Observe said so; also for proofs and for what was found done
	Failed   What = "failed"   // for people only: changes nothing
	Undoing  What = "undoing"  // before the first Revert of a step: it is done no longer; and with facts of the way back
	Reverted What = "reverted" // closes the generation
	Finished What = "finished" // the phase: every step of it is done
	Left     What = "left"     // the phase: everything is as it was before it
)

// known says which kinds there are and which of them are about a phase as a whole.
var known = map[What]bool{Begun: false, Done: false, Failed: false, Undoing: false, Reverted: false, Finished: true, Left: true}

// Entry is one line of the journal.
type Entry struct {
	At      time.Time                  `json:"at"`
	Run     string                     `json:"run,omitempty"`  // which run wrote it: URL, attempt, actor
	Plan    string                     `json:"plan,omitempty"` // digest of the plan it ran
	Phase   string                     `json:"phase"`
	Step    string                     `json:"step,omitempty"` // "" for Finished and Left
	Gen     int                        `json:"gen,omitempty"`  // generation of the step, from 1
	What    What                       `json:"what"`
	Was     json.RawMessage            `json:"was,omitempty"`
	Facts   map[string]json.RawMessage `json:"facts,omitempty"`
	Anew    map[string]json.RawMessage `json:"anew,omitempty"`    // facts of a Begun that count although the generation was begun before
	Touches []string                   `json:"touches,omitempty"` // the objects the step changes: who superseded whom
	Note    string                     `json:"note,omitempty"`
}

// Store keeps a journal. Append adds the whole batch or nothing, and only if the journal is still at version; else it
// returns ErrConflict.
type Store interface {
	Load(context.Context) (entries []Entry, version string, err error)
	Append(ctx context.Context, version string, batch []Entry) (next string, err error)
}
