package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ghaction"
	"cutover.dev/cutover/pkg/journal/cluster"
)

// releasing is how long giving the lock back may take at the end, when the run's own context may be over.
const releasing = 5 * time.Second

// runName is this run as the journal names it.
func (c *call) runName() string {
	run := ghaction.New(c.env, c.stdout).Run()
	if run.URL == "" {
		return c.holder()
	}
	return strings.TrimSpace(run.URL + " " + run.Actor)
}

// holder names this process for the lock: run, attempt, job, host and a random part.
func (c *call) holder() string {
	run := ghaction.New(c.env, c.stdout).Run()
	host, err := os.Hostname()
	if err != nil {
		host = "" // the random part is what makes the name unique
	}
	var parts []string
	for _, part := range []string{run.ID, run.Attempt, run.Job, host, strings.ToLower(rand.Text()[:8])} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}

// lock takes the lock for this process. The context it returns ends when the lock is lost or when somebody asks this run
// to stop. Call the function to give the lock back.
func (s *session) lock(ctx context.Context, insist bool) (context.Context, func(), error) {
	holder := s.call.holder()
	err := s.lease.Acquire(ctx, holder)
	if _, locked := errors.AsType[*cluster.LockedError](err); locked && insist {
		err = s.insist(ctx, holder, err)
	}
	if err != nil && ctx.Err() != nil {
		return ctx, nil, fmt.Errorf("%w: %w", engine.ErrStopped, err) // not locked out: it would have waited
	}
	if err != nil {
		return ctx, nil, unsure(err)
	}
	held, cancel := context.WithCancelCause(ctx)
	go s.guard(held, cancel)
	s.sweep(held)
	return held, func() {
		cancel(nil)
		last, end := s.last(ctx, releasing)
		defer end()
		if err := s.lease.Release(last); err != nil {
			s.call.warn("the lock was not given back, it expires by itself: %v", err)
		}
	}, nil
}

// insist asks the holder to stop at its next safe point and waits for the lock: a way back must not queue behind a run
// that goes forward.
func (s *session) insist(ctx context.Context, holder string, no error) error {
	s.call.warn("%v; asking it to stop", no)
	if err := s.lease.RequestStop(ctx, holder); err != nil {
		return fmt.Errorf("ask the holder to stop: %w", err)
	}
	// A safe point is at most a watched stretch away.
	limit := 4*time.Duration(s.plan.Spec.Lock.TTL) + time.Duration(s.plan.Spec.Windows.Watch) + time.Minute
	wait, cancel := context.WithTimeoutCause(ctx, limit, no)
	defer cancel()
	err := s.lease.Await(wait, holder)
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		return fault.Wrap(fault.Locked, "cutover unlock shows who holds the lock", fmt.Errorf("it did not stop within %s: %w", limit, no))
	}
	return err
}

// ofLock puts the loss of the lock in front of what it made fail: a look that was cut off by it reads like a server that is gone.
func ofLock(held context.Context, err error) error {
	cause := context.Cause(held)
	switch {
	case err == nil || !errors.Is(cause, engine.ErrLock) || errors.Is(err, engine.ErrLock) && fault.CodeOf(err) != fault.Unsure:
		return err
	case errors.Is(err, engine.ErrHalfway):
		return fmt.Errorf("%w; what it stopped: %w", cause, err)
	}
	return fmt.Errorf("%w; what it stopped: %v", cause, err) //nolint:errorlint // its code and its hints are of what is not the reason
}

// guard ends the context when the lock is lost or a stop is asked for.
func (s *session) guard(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		until, err := s.lease.Held()
		if err != nil {
			cancel(fmt.Errorf("%w: %w", engine.ErrLock, err))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-s.lease.Stopped():
			cancel(fmt.Errorf("%s asked this run to stop", s.lease.StopAskedBy()))
			return
		case <-time.After(max(time.Until(until)/2, 50*time.Millisecond)):
		}
	}
}
