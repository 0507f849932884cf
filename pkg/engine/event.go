package engine

import (
	"time"

	"cutover.dev/cutover/pkg/phase"
)

// What happened.
type What string

// The kinds of Event.
const (
	Phase     What = "phase"     // a run on a phase begins
	Gate      What = "gate"      // a gate has answered
	Group     What = "group"     // a group with work begins
	Observed  What = "observed"  // a step was seen in another state than before
	Begun     What = "begun"     // Apply is called
	Applied   What = "applied"   // Apply returned well
	Done      What = "done"      // the step is done, and journaled
	Reverting What = "reverting" // the way back of a step begins
	Reverted  What = "reverted"  // the step is closed
	Failed    What = "failed"
	Waiting   What = "waiting" // seen, and not there yet; at every poll
	Watch     What = "watch"   // a watch said no: the stretch goes back
	Left      What = "left"    // going back, the step is not taken back: its environment is gone
	Stopped   What = "stopped" // the run ends early because it was asked to
)

// Event is one thing worth telling.
type Event struct {
	At                        time.Time
	What                      What
	Phase, Group, Step, Title string
	N, Of                     int // steps finished, of all; on the way back: steps taken back, of all that were open
	Observation               phase.Observation
	Err                       error
}

// Sink receives events, from many goroutines. It must not block.
type Sink interface{ Emit(Event) }

// tell emits e with what the run knows.
func (r *run) tell(e Event) {
	if r.Sink == nil {
		return
	}
	e.At, e.Phase = time.Now(), r.p.Name
	if e.Step != "" && e.Group == "" {
		e.Group = r.groupOf[e.Step]
	}
	r.mu.Lock()
	e.N, e.Of = len(r.finished), r.of
	r.mu.Unlock()
	r.Sink.Emit(e)
}

// say tells what happened to s.
func (r *run) say(what What, s phase.Step, o phase.Observation, err error) {
	r.tell(Event{What: what, Step: s.ID, Title: s.Title, Observation: o, Err: err})
}

// count notes how many steps there are, and which of them are finished already.
func (r *run) count(groups []phase.Group, back bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.back, r.of, r.finished = back, 0, map[string]bool{}
	for _, g := range groups {
		for _, s := range flat(g) {
			rec := r.log.Of(r.p.Name, s.ID)
			if !back || rec.Open() {
				r.of++
			}
			if !back && rec.Done {
				r.finished[s.ID] = true
			}
		}
	}
}

// mark notes that a step was brought to its end, or taken back.
func (r *run) mark(id string, reverted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reverted == r.back {
		r.finished[id] = true
	} else {
		delete(r.finished, id)
	}
	if reverted {
		r.result.Steps.Reverted++
	}
}

// began notes that the world is being changed.
func (r *run) began() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Begun = true
}
