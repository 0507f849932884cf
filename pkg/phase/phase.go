// Package phase is the vocabulary: what a phase asks, changes and takes back. It has no behaviour of its own: a phase
// describes, the engine acts.
package phase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The two environments, as they are written in step IDs, objects and messages.
const (
	Old = "old"
	New = "new"
)

// Phase is one CI job. Its functions only read.
type Phase struct {
	Name   string
	After  []string // the phases it stands on: only these are observed again before it runs
	Access []Access // what it will do to the API servers; SelfSubjectAccessReview and docs/rbac come from it

	// Steps lists ALL steps, done or not, from the plan and the frozen inventory alone: the same IDs in every job, or a
	// later job could neither resume nor take back what an earlier one did.
	Steps func(context.Context, Past) ([]Group, error)

	// Undo, if set, is the whole way back as steps that run forward; at its end every open step is closed. Nil means
	// that the way back is Steps reversed.
	Undo func(context.Context, Past) ([]Group, error)
}

// Past is a live view of the facts of what is not reverted. Keys are global: "ttl.seenAt/shop.example.com".
type Past interface {
	// Fact decodes the newest fact of that name into into; false = there is none.
	Fact(key string, into any) (bool, error)
}

// Group is a barrier: groups run in order, and back in reverse order.
type Group struct {
	Name   string
	Before []Step // proofs, asked in every run in which the group has work left, before it writes: the first, then all others side by side; every no is reported
	Back   []Step // the same before it is reverted: the new side may be the only healthy one
	Lanes  []Lane // side by side; one workload is one lane
	Limit  int    // how many lanes at once; 0 = 1
}

// Lane is a sequence of steps, taken back in reverse order.
type Lane []Step

// Step is one idempotent change to one thing or, without Apply, a proof.
type Step struct {
	ID    string        // verb:object, greppable; a position is named by the state it reaches: "replset:rs0/3+2"
	Title string        // "scale shop/api in old to 0"
	Limit time.Duration // how long it may take, there or back; 0 only in Before and Back: asked once
	Knob  string        // what to raise in the plan: "windows.ready"

	Intent  any      // what it wants, canonical as JSON, secrets as keyed hash: what the digest covers
	Touches []Object // what it changes, so that a later step on the same thing supersedes it
	Final   string   // why there is no way back; wants --allow-irreversible

	// Observe is the only judge forward. An error means "could not tell". On a path of positions, at or beyond is Done.
	Observe func(context.Context) (Observation, error)

	// Apply makes the change. It is idempotent, may return before the change settles, and is called only after Observe
	// said Pending. Nil makes the step a proof.
	Apply func(context.Context) error

	// Revert takes the change back. It gets the Was of the Observation just before the first Apply of the generation.
	Revert func(ctx context.Context, was json.RawMessage) error

	// Reverted is the only judge backward: Done = as it was AND ready; on a path: at or behind.
	Reverted func(ctx context.Context, was json.RawMessage) (Observation, error)

	// Watch runs from just before this step to the end of its lane, a stretch that must not be left half-way. An error, a
	// failed step or a stop takes the lane back through this step at once; if the process died, the next run finishes or
	// undoes the stretch first. It must return when its context ends.
	Watch func(context.Context) error
}

// Within is the Watch of an atomic sequence: it fails when the rest of the lane takes longer than d. knob is what to
// raise in the plan.
func Within(d time.Duration, knob string) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(d):
			return fmt.Errorf("not finished within %s (raise %s)", d, knob)
		}
	}
}

// ErrMoved from Apply or Revert: its precondition no longer held and NOTHING was written. The engine drops the snapshot
// and observes again.
var ErrMoved = errors.New("changed since it was observed, nothing was written")

// State is the answer of an Observation. For Before and Back only Done is a yes.
type State int

// The answers.
const (
	Pending  State = iota // not there, and nobody has begun; of a proof: what was seen says no, for now
	Settling              // begun, not there yet; of a proof: not enough was seen yet
	Done                  // there
	Failed                // will not get there by waiting
)

func (s State) String() string {
	if s < Pending || s > Failed {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return [...]string{"pending", "settling", "done", "failed"}[s]
}

// Observation is what a step saw. No evidence (0 hosts, 0 members, 0 samples) is never Done.
type Observation struct {
	State     State
	Detail    string          // always set: what was seen, in words for a person
	Diff      string          // live to wanted, secrets masked
	Hints     []string        // of what is not Done: what to do about it, where that is not to wait for longer
	NotBefore time.Time       // set: waiting in this process is pointless, come back then
	Was       json.RawMessage // all that Revert needs to restore what is there now
	Facts     map[string]any  // journaled with "begun" (when Pending) and "done" (when Done); those of Reverted whenever they are new
	Anew      map[string]any  // the same with every "begun" of a generation (when Pending): what counts again when it drifted
}

// Object names one field, or with an empty Field the whole, of one thing in one environment.
type Object struct{ Env, Kind, Namespace, Name, Field string }

func (o Object) String() string {
	s := o.Env + "/" + o.Kind + "/" + o.Name
	if o.Namespace != "" {
		s = o.Env + "/" + o.Namespace + "/" + o.Kind + "/" + o.Name
	}
	if o.Field != "" {
		s += "#" + o.Field
	}
	return s
}

// Access is one verb on one resource of one API server. Namespace is "" for cluster-wide, Name is "" for every object.
type Access struct{ Env, Verb, Group, Resource, Namespace, Name string }
