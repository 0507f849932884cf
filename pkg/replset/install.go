package replset

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

const (
	reconfigWithin = 30 * time.Second // a member that hangs makes it 12 s, a name whose lookup hangs 17 s
	rereadWithin   = 10 * time.Second // after an error: until it is known what is in force
	rereadEvery    = 250 * time.Millisecond
	busyWithin     = 30 * time.Second // for a change that somebody else, or the set by itself, has under way
	tries          = 3
)

// Install puts want into force in place of base, the configuration that want was made of. nil: it is in force. ErrMoved: another
// configuration is, or nobody accepts writes now, and nothing was written. An error with fault.Refused: the server does not take
// it, and asking again would not change that. ErrNoPrimary alone: it was sent, and who could say what became of it is primary no
// more. After every error it is first read again what is in force, before anything else is
// concluded: a reconfig that timed out may have been installed. A set that is busy with another change is waited for.
func (s *Set) Install(ctx context.Context, base, want Config) error {
	var last error
	var refused Config // what was in force when the server last did not like want
	for until, try := time.Now().Add(busyWithin), 0; try < tries; try++ {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		v, err := s.View(ctx)
		switch {
		case err != nil:
			return err
		case v.Config.Same(want):
			return nil
		case v.Primary == "":
			return fmt.Errorf("%w: %w", phase.ErrMoved, ErrNoPrimary)
		case !v.Config.Same(base):
			return fmt.Errorf("%w: %s is in force now", phase.ErrMoved, v.Config)
		}
		if last = s.reconfig(ctx, v, want); last == nil {
			return nil
		}
		done, err := s.after(ctx, v.Config, want, last, unmoved(refused, v.Config))
		if done || err != nil {
			return err
		}
		if CodeOf(last) == codeIncompatible {
			refused = v.Config
		}
		if !busy(last) {
			continue
		}
		if time.Now().After(until) {
			return stillBusy(v.Primary, last)
		}
		try-- // nothing was tried
		if err := pause(ctx, rereadEvery); err != nil {
			return errors.Join(last, err)
		}
	}
	return last
}

func (s *Set) reconfig(ctx context.Context, v View, want Config) error {
	want.doc = set(clone(want.doc), "version", int32(v.Config.Version())) //nolint:gosec // below 2^31
	_, err := s.Node(v.Primary).run(ctx, true, reconfigWithin, "admin", bson.D{{Key: "replSetReconfig", Value: want.next().doc}})
	return err
}

// after finds out what became of a reconfig that ended with an error: it is in force (true), something else is (ErrMoved), it never
// will be (Refused), or it is not and may be tried again (false). again: base was in force when the server last refused want, too.
func (s *Set) after(ctx context.Context, base, want Config, failed error, again bool) (bool, error) {
	if IsRights(failed) {
		return false, fault.Wrap(fault.Refused, "the user needs the roles clusterManager and clusterMonitor", failed)
	}
	until := time.Now().Add(rereadWithin)
	if IsUnreachable(failed) { // it may still be on its way in the server
		until = until.Add(reconfigWithin)
	}
	for {
		v, err := s.View(ctx)
		switch {
		case err == nil && v.Config.Same(want):
			return true, nil
		case err == nil && !v.Config.Same(base):
			return false, fmt.Errorf("%w: %s is in force now", phase.ErrMoved, v.Config)
		case err == nil && final(failed, again) && unmoved(base, v.Config):
			return false, fault.Wrap(fault.Refused, "", fmt.Errorf("the server refuses this configuration, and %s is still in force: %w", v.Config, failed))
		case err == nil && !IsUnreachable(failed) && v.Primary != "":
			return false, nil
		}
		if time.Now().After(until) {
			if err == nil && v.Primary == "" {
				err = ErrNoPrimary
			}
			return false, errors.Join(failed, err)
		}
		if err := pause(ctx, rereadEvery); err != nil {
			return false, errors.Join(failed, err)
		}
	}
}

// final: the server looked at the configuration and does not like it. 103 is also said to the second of two writers, who would be
// heard the next time: of that, only the second one in a row is final.
func final(err error, again bool) bool {
	switch CodeOf(err) {
	case codeInvalidConfig, codeNotElectable, codeDuplicateField, codeBadValue:
		return true
	case codeIncompatible:
		return again
	}
	return false
}

// busy: the server may not have looked at the configuration, since another change is under way or came first: one of somebody else,
// or its own after an election or an initial sync.
func busy(err error) bool {
	switch CodeOf(err) {
	case codeInProgress, codeNotCommitted, codeIncompatible:
		return true
	}
	return false
}

// unmoved: nothing was installed between the two.
func unmoved(before, now Config) bool {
	return !before.Empty() && before.Version() == now.Version() && before.Term() == now.Term()
}

func stillBusy(primary string, last error) error {
	return fmt.Errorf("another change of the configuration has been under way for %s; see in the log of %s who makes it, and run this again when it is over: %w", busyWithin, primary, last)
}

// Pause waits for as long as it takes until another look is worth it.
func Pause(ctx context.Context) error { return pause(ctx, rereadEvery) }

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Forget drops the connections of every member to a host that has left the set. Without it they ask for its name for minutes, and
// if that hangs, elections do too. It reports who could not be told.
func (s *Set) Forget(ctx context.Context, members []string, host string) error {
	var errs []error
	for _, m := range members {
		if m == host {
			continue
		}
		_, err := s.Node(m).ask(ctx, true, bson.D{{Key: "dropConnections", Value: 1}, {Key: "hostAndPort", Value: bson.A{host}}})
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
