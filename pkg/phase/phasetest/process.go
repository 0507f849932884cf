package phasetest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

var errDead = errors.New("the process is dead")

// process is one process of the tool, which can die: then nothing that it does reaches journal or world any more. It is
// the journal's store as this process reaches it.
type process struct {
	how   string // dies "before" or "after" an append is stored, or after a "write"; "" never
	store journal.Store
	end   context.CancelFunc
	turn  func()

	mu   sync.Mutex
	left int // appends or writes until it dies
	dead bool
}

func alive() *process { return &process{} }

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// passes counts something of a kind, and reports whether it is what the process dies of.
func (p *process) passes(kind string) (last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.how != kind {
		return false
	}
	if p.left--; p.left != 0 {
		return false
	}
	p.dead = true
	p.end()
	return true
}

// Load is journal.Store's.
func (p *process) Load(ctx context.Context) ([]journal.Entry, string, error) {
	if p.isDead() {
		return nil, "", errDead
	}
	return p.store.Load(ctx)
}

// Append is journal.Store's.
func (p *process) Append(ctx context.Context, version string, batch []journal.Entry) (string, error) {
	if p.isDead() || p.passes("before") {
		return "", errDead
	}
	next, err := p.store.Append(ctx, version, batch)
	if err == nil && p.passes("after") {
		return "", errDead
	}
	return next, err
}

// wrap makes a phase whose every function belongs to this process.
func (p *process) wrap(ph phase.Phase) phase.Phase {
	ph.Steps, ph.Undo = p.lists(ph.Steps), p.lists(ph.Undo)
	return ph
}

type lister = func(context.Context, phase.Past) ([]phase.Group, error)

func (p *process) lists(f lister) lister {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := f(ctx, past)
		for i, g := range groups {
			groups[i].Before, groups[i].Back = p.steps(g.Before), p.steps(g.Back)
			for j, l := range g.Lanes {
				groups[i].Lanes[j] = p.steps(l)
			}
		}
		return groups, err
	}
}

func (p *process) steps(in []phase.Step) []phase.Step {
	out := make([]phase.Step, len(in))
	for i, s := range in {
		out[i] = p.step(s)
	}
	return out
}

func (p *process) step(s phase.Step) phase.Step {
	observe, apply, revert, reverted := s.Observe, s.Apply, s.Revert, s.Reverted
	s.Observe = func(ctx context.Context) (phase.Observation, error) { return p.looks(ctx, observe) }
	if apply != nil {
		s.Apply = func(ctx context.Context) error { return p.writes(func() error { return apply(ctx) }) }
	}
	if revert != nil {
		s.Revert = func(ctx context.Context, was json.RawMessage) error {
			return p.writes(func() error { return revert(ctx, was) })
		}
	}
	if reverted != nil {
		s.Reverted = func(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
			return p.looks(ctx, func(ctx context.Context) (phase.Observation, error) { return reverted(ctx, was) })
		}
	}
	return s
}

// looks lets the world move on, and then asks.
func (p *process) looks(ctx context.Context, ask func(context.Context) (phase.Observation, error)) (phase.Observation, error) {
	if p.isDead() {
		return phase.Observation{}, errDead
	}
	if p.turn != nil {
		p.turn()
	}
	return ask(ctx)
}

func (p *process) writes(do func() error) error {
	if p.isDead() {
		return errDead
	}
	if err := do(); err != nil || !p.passes("write") {
		return err
	}
	return errDead
}
