package cli

import (
	"context"
	"errors"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/journal/cluster"
)

// exitCodes is the part of every help text that says what the exit codes mean.
const exitCodes = `Exit codes:
  0    fine
  1    a bug, or something that nobody foresaw
  2    wrong flags, or an invalid plan
  3    a gate said no, and nothing was begun in this run
  4    failed after something was begun: the world changed; run it again to resume
  5    a rollback failed or is impossible: a person is needed
  6    another run holds the lock, or this one lost it before it began
  7    could not tell, and nothing was begun
  8    nothing is wrong: come back later
  130  stopped by a signal
`

// codeOf is the one place that turns what happened into an exit code. begun: this run changed something; back: it was
// on the way back. A no outweighs a wait, and what was begun outweighs why it failed.
func codeOf(err error, begun, back bool) fault.Code {
	wait, waiting := errors.AsType[*engine.NotBefore](err)
	locked, held := errors.AsType[*cluster.LockedError](err)
	switch {
	case err == nil:
		return fault.OK
	case errors.Is(err, engine.ErrHalfway) && back: // a stop is no excuse: what was not taken back is not at a safe point
		return fault.Stuck
	case errors.Is(err, engine.ErrHalfway):
		return fault.Broken
	case errors.Is(err, engine.ErrStopped) && !errors.Is(err, engine.ErrLock):
		return fault.Cancelled
	case waiting && wait != nil && !errors.Is(err, engine.ErrNo):
		return fault.Waiting
	case back && (begun || errors.Is(err, engine.ErrFinal)):
		return fault.Stuck
	case begun:
		return fault.Broken
	case held && locked != nil, errors.Is(err, engine.ErrLock), errors.Is(err, cluster.ErrLost):
		return fault.Locked
	case errors.Is(err, engine.ErrUnsure) && !errors.Is(err, engine.ErrNo):
		return fault.Unsure
	case errors.Is(err, engine.ErrNo), errors.Is(err, engine.ErrFinal), errors.Is(err, engine.ErrUnknown), errors.Is(err, engine.ErrDigest):
		return fault.Refused
	case fault.CodeOf(err) != fault.Unknown:
		return fault.CodeOf(err)
	case errors.Is(err, context.Canceled):
		return fault.Cancelled
	case back:
		return fault.Stuck
	}
	return fault.Unknown
}

// coded wraps err with the exit code that it means for this run.
func coded(err error, begun, back bool) error {
	code, hint := codeOf(err, begun, back), ""
	if errors.Is(err, engine.ErrHalfway) {
		hint = "a person is needed: clients are served as what still holds leads them, and nobody watches it; see to what stopped the way back, then run the same again, which first ends it or takes it back (cutover recover does only that)"
	}
	if err == nil || fault.CodeOf(err) == code && hint == "" {
		return err
	}
	return fault.Wrap(code, hint, err)
}
