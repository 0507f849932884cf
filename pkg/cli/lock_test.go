package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
)

// A look that the loss of the lock cut off reads like an API server that is gone.
func TestTheLossOfTheLockStandsInFrontOfWhatItMadeFail(t *testing.T) {
	held, lose := context.WithCancelCause(t.Context())
	cut := fault.New(fault.Unsure, "see that the API server is well", "the API server of new gave no answer")
	if got := ofLock(held, cut); !errors.Is(got, cut) || errors.Is(got, engine.ErrLock) {
		t.Errorf("while it is held: %v", got)
	}
	lose(fmt.Errorf("%w: %w", engine.ErrLock, fault.New(fault.Locked, "cutover unlock", "run-2 took it")))
	got := ofLock(held, cut)
	if !strings.HasPrefix(got.Error(), "this run lost its lock: run-2 took it; ") || strings.Join(fault.Hints(got), "") != "cutover unlock" {
		t.Errorf("%v (%v)", got, fault.Hints(got))
	}
	for name, c := range map[string]struct {
		err   error
		begun bool
		want  fault.Code
	}{
		"before anything was begun": {cut, false, fault.Locked},
		"after it":                  {cut, true, fault.Broken},
		"half-way":                  {fmt.Errorf("%w: %w", engine.ErrHalfway, cut), false, fault.Broken},
	} {
		if code := codeOf(ofLock(held, c.err), c.begun, false); code != c.want {
			t.Errorf("%s: code %d, want %d", name, code, c.want)
		}
	}
	if ofLock(held, nil) != nil {
		t.Error("what came to its end did not fail")
	}
}
