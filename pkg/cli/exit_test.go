package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/plan"
)

func TestWhatWasBegunOutweighsWhyItFailed(t *testing.T) {
	forward, began, back, beganBack := [2]bool{}, [2]bool{true, false}, [2]bool{false, true}, [2]bool{true, true}
	locked := fmt.Errorf("take the lock: %w", &cluster.LockedError{Holder: "x"})
	for _, c := range []struct {
		name string
		err  error
		how  [2]bool
		want fault.Code
	}{
		{"well", nil, began, fault.OK},
		{"a gate", fmt.Errorf("gate: %w", engine.ErrNo), forward, fault.Refused},
		{"a gate in mid-run", fmt.Errorf("gate: %w", engine.ErrNo), began, fault.Broken},
		{"a refusal in mid-run", fault.New(fault.Refused, "", "no"), began, fault.Broken},
		{"could not tell", engine.ErrUnsure, forward, fault.Unsure},
		{"could not tell in mid-run", engine.ErrUnsure, began, fault.Broken},
		{"no and could not tell", errors.Join(engine.ErrUnsure, engine.ErrNo), forward, fault.Refused},
		{"not yet", &engine.NotBefore{}, began, fault.Waiting},
		{"not yet and no", errors.Join(&engine.NotBefore{}, engine.ErrNo), forward, fault.Refused},
		{"stopped", engine.ErrStopped, began, fault.Cancelled},
		{"stopped, and the stretch could not go back", errors.Join(engine.ErrStopped, engine.ErrHalfway), began, fault.Broken},
		{"the same on the way back", fmt.Errorf("%w: %w", engine.ErrHalfway, engine.ErrStopped), beganBack, fault.Stuck},
		{"half-way, and the lock is lost", errors.Join(engine.ErrHalfway, engine.ErrLock), forward, fault.Broken},
		{"interrupted before", fmt.Errorf("read: %w", context.Canceled), forward, fault.Cancelled},
		{"lock lost", fmt.Errorf("%w: %w", engine.ErrStopped, engine.ErrLock), began, fault.Broken},
		{"locked", locked, forward, fault.Locked},
		{"stopped while it waits for the lock", fmt.Errorf("%w: %w", engine.ErrStopped, locked), forward, fault.Cancelled},
		{"final without consent", engine.ErrFinal, forward, fault.Refused},
		{"no way back", engine.ErrFinal, back, fault.Stuck},
		{"a way back that failed", engine.ErrNo, beganBack, fault.Stuck},
		{"a bug on the way back", errors.New("x"), back, fault.Stuck},
		{"another digest", engine.ErrDigest, forward, fault.Refused},
		{"no digest to compare", engine.Approved("another", "", []engine.Line{{Err: errors.New("no route")}}), forward, fault.Unsure},
		{"a bug", errors.New("x"), forward, fault.Unknown},
	} {
		if got := codeOf(c.err, c.how[0], c.how[1]); got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.want)
		}
		if got := fault.CodeOf(coded(c.err, c.how[0], c.how[1])); got != c.want {
			t.Errorf("%s: the error is coded %d, want %d", c.name, got, c.want)
		}
	}
}

func TestClustersAreThoseOfThePlan(t *testing.T) {
	pinned := plan.Clusters{Old: plan.Cluster{UID: "a"}, New: plan.Cluster{UID: "b"}}
	if err := same(pinned, "a", "b"); err != nil {
		t.Errorf("the right ones: %v", err)
	}
	for _, uids := range [][2]string{{"b", "a"}, {"a", "a"}, {"b", "b"}, {"a", "c"}, {"c", "b"}, {"", ""}} {
		if err := same(pinned, uids[0], uids[1]); fault.CodeOf(err) != fault.Refused {
			t.Errorf("%q: %v", uids, err)
		}
	}
	if err := same(plan.Clusters{Old: plan.Cluster{UID: "a"}, New: plan.Cluster{UID: "a"}}, "a", "b"); err == nil {
		t.Error("a plan that pins one cluster twice passed")
	}
}

func TestACommandCanBeTypedAsItIsShown(t *testing.T) {
	c := &call{flags: flags{Plan: "my plan.yaml"}}
	if got, want := c.command("unlock", "--holder", "it's"), `cutover unlock --plan 'my plan.yaml' --holder 'it'\''s'`; got != want {
		t.Errorf("the command is %s, want %s", got, want)
	}
}
