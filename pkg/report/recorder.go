package report

import (
	"slices"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
)

// Recorder is a sink that remembers what a Document needs.
type Recorder struct {
	mu    sync.Mutex
	doc   Document
	index map[string]int // of steps, by ID
	books map[string]int // of requests, by name
	of    int
}

// NewRecorder begins a document now.
func NewRecorder(verb, phase string) *Recorder {
	return &Recorder{
		doc:   Document{Verb: verb, Phase: phase, Started: time.Now().UTC()},
		index: map[string]int{}, books: map[string]int{},
	}
}

// Expect lists steps before anything is known about them, so that a failure can say what was not reached.
func (r *Recorder) Expect(groups []phase.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range groups {
		for _, l := range g.Lanes {
			for _, s := range l {
				r.doc.Steps[r.step(s.ID)] = Step{ID: s.ID, Title: s.Title, Group: g.Name, State: Pending, Final: s.Final}
			}
		}
	}
}

// step returns the index of a step, a new one if need be.
func (r *Recorder) step(id string) int {
	i, ok := r.index[id]
	if !ok {
		i = len(r.doc.Steps)
		r.index[id] = i
		r.doc.Steps = append(r.doc.Steps, Step{ID: id, State: Pending})
	}
	return i
}

// Emit takes one event in.
func (r *Recorder) Emit(e engine.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Phase != "" {
		r.doc.Phase = e.Phase
	}
	r.of = max(r.of, e.Of)
	if !e.Observation.NotBefore.IsZero() {
		r.doc.NotBefore = e.Observation.NotBefore.UTC()
	}
	for _, l := range ledgers(e.Observation.Facts) {
		if i, ok := r.books[l.Name]; ok {
			r.doc.Requests[i] = l
			continue
		}
		r.books[l.Name] = len(r.doc.Requests)
		r.doc.Requests = append(r.doc.Requests, l)
	}
	r.doc.Link = linked(r.doc.Link, e.Observation.Facts)
	if d := database(e.Observation.Facts); d != nil {
		r.doc.Database = d
	}
	switch {
	case e.Step == "":
	case e.What == "gate":
		r.gate(e)
	default:
		r.change(e)
	}
}

func (r *Recorder) gate(e engine.Event) {
	g := Gate{ID: e.Step, Title: e.Title, State: stateOf(e.Observation.State), Detail: e.Observation.Detail}
	if e.Err != nil {
		g.State, g.Detail = Unsure, e.Err.Error()
	}
	if i := slices.IndexFunc(r.doc.Gates, func(o Gate) bool { return o.ID == g.ID }); i >= 0 {
		r.doc.Gates[i] = g
		return
	}
	r.doc.Gates = append(r.doc.Gates, g)
}

func (r *Recorder) change(e engine.Event) {
	s := &r.doc.Steps[r.step(e.Step)]
	if e.Title != "" {
		s.Title = e.Title
	}
	if e.Group != "" {
		s.Group = e.Group
	}
	if e.Observation.Detail != "" {
		s.Detail = e.Observation.Detail
	}
	if e.Observation.Diff != "" {
		s.Diff = e.Observation.Diff
	}
	switch e.What {
	case "begun":
		s.State, r.doc.Mutated = Settling, true
	case "applied":
		s.State = Settling
	case "observed", "waiting":
		if s.State != Reverting {
			s.State = stateOf(e.Observation.State)
		}
	case "done":
		s.State = Done
	case "reverting":
		s.State, r.doc.Mutated = Reverting, true
	case "reverted":
		s.State = Reverted
	case "left":
		s.State = Left
	case "failed":
		s.State = Failed
	}
	if e.Err != nil {
		s.Detail = e.Err.Error()
	}
}

// Document returns what was recorded so far. The caller adds what only it knows.
func (r *Recorder) Document() Document {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.doc
	d.Seconds = time.Since(d.Started).Seconds()
	d.Steps, d.Gates, d.Requests = slices.Clone(d.Steps), slices.Clone(d.Gates), slices.Clone(d.Requests)
	return d
}

// Tee sends every event to all of these sinks, in order.
type Tee []engine.Sink

// Emit passes e on.
func (t Tee) Emit(e engine.Event) {
	for _, s := range t {
		s.Emit(e)
	}
}
