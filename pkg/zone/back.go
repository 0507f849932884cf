package zone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

func (m *Move) revert(ctx context.Context, was json.RawMessage) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, changes, err := m.backward(ctx, was)
	if err != nil {
		return err
	}
	return m.write(ctx, changes)
}

func (m *Move) reverted(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
	o, err := m.returned(ctx, was)
	if err != nil || m.Returns == nil {
		return o, err
	}
	return m.Returns(o)
}

// returned looks whether all is as it was, on every name server.
func (m *Move) returned(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
	names, changes, err := m.backward(ctx, was)
	if err != nil {
		return phase.Observation{}, err
	}
	if len(changes) > 0 && m.told {
		return byHand(diff(changes)), nil
	}
	if len(changes) > 0 {
		return phase.Observation{State: phase.Pending, Detail: fmt.Sprintf("%d of %d names are to go back", len(changes), len(names)), Diff: diff(changes)}, nil
	}
	own, readings, err := m.look(ctx, names)
	if err != nil {
		return phase.Observation{}, err
	}
	if behind := Behind(readings, owned(own)); len(behind) > 0 {
		return phase.Observation{State: phase.Settling, Detail: "not every name server serves what the zone has: " + few(behind)}, nil
	}
	return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d names are as they were, served alike by %s", len(names), spoken(readings))}, nil
}

// backward lists what is to change so that all is as it was.
func (m *Move) backward(ctx context.Context, raw json.RawMessage) (names []string, changes []Change, err error) {
	var was Names
	if err := json.Unmarshal(raw, &was); err != nil {
		return nil, nil, fmt.Errorf("read what zone %s was: %w", m.Zone.Name, err)
	}
	names = slices.Sorted(maps.Keys(was))
	have, err := m.Zone.Editor.Get(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	var nos []error
	want := Names{}
	for _, name := range names {
		if want[name], err = m.goesBack(ctx, name, have[name], was[name]); err != nil {
			nos = append(nos, err)
		}
	}
	if err := errors.Join(nos...); err != nil {
		return nil, nil, fault.Wrap(fault.Refused, "set these records by hand, to what they were or to what they became, and go back again", err)
	}
	return names, differences(have, want), nil
}

func (m *Move) goesBack(ctx context.Context, name string, have, was []Set) ([]Set, error) {
	if m.Back != nil {
		return m.Back(name, have, was)
	}
	if Same(have, was) {
		return was, nil
	}
	became, err := m.Want(ctx, name, Seen{Own: was, Answer: Answer{Sets: was}})
	if err == nil && Same(have, became) {
		return was, nil
	}
	return nil, fmt.Errorf("%s was changed by somebody else: it has %s, it was %s", name, words(have), words(was))
}
