// Package ttl describes the phase that lowers the TTL of every record in scope, so that the swap of later is seen soon by
// everybody who keeps to the rules. What the names lead to does not change. It is taken back by putting each TTL back, whatever
// the record says by then.
package ttl

import (
	"context"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/zone"
	caches "cutover.dev/cutover/pkg/zone/ttl"
)

// Name is the name of the phase.
const Name = "ttl"

// Deps is what the phase is made of.
type Deps = parts.Deps

const atOnce = 8 // zones

// New describes the phase.
func New(d Deps) phase.Phase {
	return phase.Phase{
		Name: Name, Access: names.Access(d),
		Steps: func(_ context.Context, past phase.Past) ([]phase.Group, error) {
			scopes, err := names.Of(d)
			if err != nil {
				return nil, err
			}
			g := phase.Group{Name: "lower", Limit: atOnce, Before: []phase.Step{names.ExternalDNS(d)}}
			for _, s := range scopes {
				g.Before = append(g.Before, names.KeyProof(s), names.MoveProof(s, lower(d, past, s)))
				g.Lanes = append(g.Lanes, phase.Lane{lower(d, past, s).Step()})
			}
			return []phase.Group{g}, nil
		},
	}
}

// lower is the change of one zone.
func lower(d Deps, past phase.Past, s names.Scope) *zone.Move {
	within, seconds := names.Serving(d.Plan), names.Seconds(d.Plan)
	least := s.Zone.Editor.Abilities().MinTTL
	l := &lowering{zone: s.Zone.Name, past: past}
	return &zone.Move{
		Zone: s.Zone, Names: s.Names, ID: "ttl:" + s.Zone.Name,
		Title: fmt.Sprintf("lower the TTL of %d names in zone %s to %ds", len(s.Names), s.Zone.Name, seconds),
		Limit: within.Limit, Knob: within.Name, Intent: map[string]any{"ttl": seconds, "names": s.Names},
		Want: func(_ context.Context, name string, seen zone.Seen) ([]zone.Set, error) {
			if len(seen.Own) == 0 {
				return nil, names.Absent(name, seen, s.Names)
			}
			var want []zone.Set
			for _, set := range seen.Own {
				set.TTL = caches.Lowered(set.TTL, seconds, least)
				want = append(want, set)
			}
			return want, nil
		},
		Back:   func(_ string, have, was []zone.Set) ([]zone.Set, error) { return names.RaiseTo(have, was), nil },
		Begins: l.begins, Ends: l.ends,
	}
}

// lowering leaves the facts of one zone.
type lowering struct {
	zone  string
	past  phase.Past
	again bool // somebody raised a TTL after it had been lowered
}

func (l *lowering) begins(readings []zone.Reading) map[string]any {
	l.again = true
	own := zone.Names{}
	for _, r := range readings {
		for name, answer := range r.Answers["tcp"] {
			own[name] = answer.Sets
		}
	}
	held := max(time.Duration(zone.Longest(readings))*time.Second, l.held())
	facts := map[string]any{names.BeforeFact + l.zone: held, names.SeenFact + l.zone: time.Time{}}
	if known, _ := l.past.Fact(names.WasFact+l.zone, &zone.Names{}); !known { // what was there first is what comes back at the end
		facts[names.WasFact+l.zone] = own
	}
	return facts
}

// held is how long caches may hold what was served before an earlier lowering, which somebody then undid: that wait is not over
// because another one begins. What cannot be read tells ends.
func (l *lowering) held() time.Duration {
	var before time.Duration
	var seen time.Time
	if known, err := l.past.Fact(names.BeforeFact+l.zone, &before); err != nil || !known {
		return 0
	}
	if known, err := l.past.Fact(names.SeenFact+l.zone, &seen); err != nil || !known || seen.IsZero() {
		return before
	}
	return time.Until(caches.Ripe(seen, before, 0)).Truncate(time.Second) + time.Second
}

// ends keeps the moment at which all servers were first seen to serve it: later looks must not move it on.
func (l *lowering) ends(_ context.Context, readings []zone.Reading) (map[string]any, error) {
	key := names.SeenFact + l.zone
	var at time.Time
	if _, err := l.past.Fact(key, &at); err != nil {
		return nil, fmt.Errorf("read fact %s: %w", key, err)
	}
	if at.IsZero() || l.again {
		l.again, at = false, time.Now().UTC()
	}
	facts := map[string]any{key: at}
	var before time.Duration
	known, err := l.past.Fact(names.BeforeFact+l.zone, &before)
	if err != nil {
		return nil, fmt.Errorf("read fact %s: %w", names.BeforeFact+l.zone, err)
	}
	if !known { // they were low already, and nobody knows for how long
		facts[names.BeforeFact+l.zone] = time.Duration(zone.Longest(readings)) * time.Second
	}
	return facts, nil
}
