// Package engine runs phases: gates, groups, lanes, journal, waiting, watching, undo. It is the only caller of Apply
// and Revert. It knows no cluster, prints nothing and picks no exit code: it tells a Sink and returns errors that can
// be asked with errors.Is and errors.As.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
)

// The answers that are not simply "failed". cli turns them into exit codes.
var (
	ErrNo      = errors.New("no")
	ErrDrift   = errors.New("does not hold any more") // is ErrNo too: somebody else changed what a phase had made
	ErrUnsure  = errors.New("could not tell")
	ErrFinal   = errors.New("has no way back")
	ErrStopped = errors.New("stopped, as it was asked to")
	ErrUnknown = errors.New("begun by an earlier run, but no longer in the plan")
	ErrDigest  = errors.New("what would run is not what was approved")
	ErrLock    = errors.New("this run lost its lock")
	ErrLeft    = errors.New("could not be reached and is left as it is")
	ErrHalfway = errors.New("a watched stretch is left half-way") // it could not be taken back, whyever the run ended
)

// stopped is the error of a run that was asked to stop by cause, or that lost its lock: that nobody asked for.
func stopped(cause error) error {
	if errors.Is(cause, ErrLock) {
		return lockLost{cause}
	}
	return fmt.Errorf("%w: %w", ErrStopped, cause)
}

// lockLost is ErrStopped too, in other words: nothing failed on its own.
type lockLost struct{ error }

func (l lockLost) Unwrap() error        { return l.error }
func (l lockLost) Is(target error) bool { return target == ErrStopped }

// NotBefore is the error of a run that has nothing to do until Until.
type NotBefore struct {
	Until time.Time
	Why   string
}

func (n *NotBefore) Error() string {
	return fmt.Sprintf("not before %s: %s", n.Until.UTC().Format(time.RFC3339), n.Why)
}

// Lock says until when this process may write. It is asked before each Apply and Revert, and again when that time comes while
// one is under way: its context ends unless the lock was renewed.
type Lock interface {
	Held() (until time.Time, err error)
}

// Engine runs phases.
type Engine struct {
	Store journal.Store
	Lock  Lock         // nil: none
	Sink  Sink         // nil: none
	Gates []phase.Step // what every phase is asked; cluster identity and lock are settled before the engine is built
	Run   string       // who: URL of the CI run, attempt, actor
	Seed  string       // digest of the plan: part of every digest, and in every entry
	Poll  time.Duration
	Grace time.Duration // after a stop request, how long writes and undoing may go on

	// Without names an environment that is gone for good, "" for none. Going back leaves what was changed there as it is,
	// and open in the journal, takes back everything else, and ends with ErrLeft.
	Without string

	// AfterGroup, if set, is called after every group that had work and after the phase was closed. Going forward, its
	// error stops the run; going back, it is only reported.
	AfterGroup func(context.Context) error
}

// Options of Apply.
type Options struct {
	Repair     bool   // bring back what drifted in a phase that is finished; without it, drift is a no
	AllowFinal bool   // steps that have no way back may run
	Digest     string // what was approved; "" = not asked for
}

// Result is what a run did, whatever its error says.
type Result struct {
	Begun          bool // something was written to the world, or may have been
	Steps          Counts
	Started, Ended time.Time
}

// Counts counts steps.
type Counts struct {
	Done     int // done now, by whichever run
	Found    int // of them, found done by this run: nothing was changed for them
	Applied  int // changed by this run
	Reverted int // taken back by this run
	Left     int // what is left to do: steps to be done or, on the way back, to be taken back
}

// Line is one step of a plan.
type Line struct {
	Group string
	Step  phase.Step
	Seen  phase.Observation // of proofs only by Verify
	Err   error             // could not tell
}
