package phasetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/phase"
)

// life is all that a step can go through. It leaves the step Done, and returns what the way back needs.
func (c *check) life(fresh func() phase.Step) (was json.RawMessage) {
	if c.err == nil {
		c.err = form(fresh())
	}
	before := c.state()
	was, intent := c.there(fresh)
	c.again(fresh)
	if c.err != nil || fresh().Revert == nil {
		return was
	}
	c.back(fresh, was, false)
	c.back(fresh, was, true)
	c.same("after the way back", before)
	was, second := c.there(fresh)
	if intent != second {
		c.wrong("the intent moves with the world: %s, then %s", intent, second)
	}
	return was
}

// path goes along steps and back. list makes them as a new process would.
func (c *check) path(list func() ([]phase.Step, error)) error {
	before := c.state()
	var ids []string
	steps := c.list(list, &ids)
	at := func(i int) func() phase.Step {
		return func() phase.Step {
			if all := c.list(list, &ids); len(all) > i {
				return all[i]
			}
			return steps[i]
		}
	}
	snapshots := make([]json.RawMessage, len(steps))
	for i, s := range steps {
		if s.Apply == nil {
			c.until(s.ID, at(i)().Observe)
			continue
		}
		if snapshots[i] = c.life(at(i)); c.err != nil {
			return wrap(s.ID, c.err)
		}
		for _, earlier := range c.list(list, &ids)[:i] {
			if earlier.Apply != nil {
				c.until(earlier.ID+" after "+s.ID, earlier.Observe)
			}
		}
	}
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Revert != nil && c.err == nil {
			c.back(at(i), snapshots[i], false)
			c.err = wrap(steps[i].ID+" on the way back", c.err)
		}
	}
	if !final(steps) {
		c.same("at the end of the way back", before)
	}
	return c.err
}

// list lists the steps, which have to be the same ones whenever they are listed.
func (c *check) list(list func() ([]phase.Step, error), ids *[]string) []phase.Step {
	steps, err := list()
	if err != nil {
		c.wrong("list the steps: %w", err)
		return nil
	}
	now := make([]string, len(steps))
	for i, s := range steps {
		now[i] = s.ID
	}
	if *ids == nil {
		*ids = now
	}
	if fmt.Sprint(*ids) != fmt.Sprint(now) {
		c.wrong("the steps were %v, and are %v in a later job", *ids, now)
	}
	return steps
}

func final(steps []phase.Step) bool {
	for _, s := range steps {
		if s.Final != "" {
			return true
		}
	}
	return false
}

// Facts is what observations found out: the phase.Past of a phase that no engine runs.
type Facts map[string]any

// Fact implements phase.Past: what comes out is what a journal would have kept.
func (f Facts) Fact(key string, into any) (bool, error) {
	v, ok := f[key]
	if !ok {
		return false, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, into)
}

// Learn keeps what an observation found out.
func (f Facts) Learn(o phase.Observation) { maps.Copy(f, o.Facts) }

// learn keeps what an observation found out where the engine would journal it.
func (c *check) learn(o phase.Observation) {
	if c.facts == nil || o.State != phase.Pending && o.State != phase.Done {
		return
	}
	c.keep(o.Facts)
	if o.State == phase.Pending {
		c.keep(o.Anew)
	}
}

// keep is what a journal does with facts.
func (c *check) keep(facts map[string]any) {
	if c.facts == nil {
		return
	}
	for key, value := range facts {
		text, err := json.Marshal(value)
		if err != nil {
			c.wrong("fact %s: %w", key, err)
		}
		c.facts[key] = json.RawMessage(text) // as it is now
	}
}

// Without is a phase without the proofs whose IDs begin with one of prefixes: those that the world of a test cannot answer.
// A change is never left out.
func Without(p phase.Phase, prefixes ...string) phase.Phase {
	steps := p.Steps
	p.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := steps(ctx, past)
		for i, g := range groups {
			for j, l := range g.Lanes {
				groups[i].Lanes[j] = slices.DeleteFunc(l, func(s phase.Step) bool {
					return s.Apply == nil && slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s.ID, p) })
				})
			}
			groups[i].Lanes = slices.DeleteFunc(g.Lanes, func(l phase.Lane) bool { return len(l) == 0 })
		}
		return groups, err
	}
	return p
}
