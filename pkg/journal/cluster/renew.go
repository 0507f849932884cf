package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// renew keeps the lock until it is released or lost. An API server that does not answer is asked again: whether the
// lock still holds is decided by time alone.
func (l *Lease) renew(ctx context.Context) {
	tick := time.NewTicker(l.pace())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := l.once(ctx)
		lost := errors.Is(err, ErrLost)
		l.mu.Lock()
		if lost {
			l.lost = err
		} else if ctx.Err() == nil {
			l.failed = err
		}
		l.mu.Unlock()
		if lost {
			return
		}
	}
}

// once renews. A conflict means that somebody wrote to the lease: a request to stop, or a new holder.
func (l *Lease) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/3)
	defer cancel()
	l.mu.Lock()
	u, holder := l.object, l.holder
	l.mu.Unlock()
	for {
		r, err := readRecord(u)
		if err != nil {
			return err
		}
		if r.Holder != holder {
			return fmt.Errorf("%w: %s took it", ErrLost, cmp.Or(r.Holder, "somebody who broke it"))
		}
		l.asked(r.StopAsked)
		start := time.Now()
		r.Renewed, r.TTL = start, l.ttl
		made, err := l.write(ctx, u, r)
		if err == nil {
			l.mu.Lock()
			l.object, l.until = made, start.Add(l.ttl*2/3)
			l.mu.Unlock()
			return nil
		}
		if !errors.Is(err, phase.ErrMoved) {
			return err
		}
		if u, _, err = l.read(ctx); err != nil {
			return err
		}
		if u == nil {
			return fmt.Errorf("%w: its Lease was deleted", ErrLost)
		}
	}
}

// asked passes a request to stop on.
func (l *Lease) asked(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if who != "" && l.asker == "" {
		l.asker = who
		close(l.stopped)
	}
}

// Release gives the lock back. It is no error if it was lost before.
func (l *Lease) Release(ctx context.Context) error {
	l.mu.Lock()
	end, ended := l.end, l.ended
	l.mu.Unlock()
	if end == nil {
		return nil
	}
	end()
	<-ended // no renewal is under way any more
	l.mu.Lock()
	u, holder := l.object, l.holder
	l.holder, l.end, l.lost = "", nil, nil
	l.mu.Unlock()
	for {
		r, err := readRecord(u)
		if err == nil && r.Holder != holder {
			return nil
		}
		if err == nil {
			_, err = l.write(ctx, u, record{TTL: r.TTL, Transitions: r.Transitions})
		}
		if err == nil {
			return nil
		}
		if errors.Is(err, phase.ErrMoved) {
			u, _, err = l.read(ctx)
		}
		if err != nil {
			return fmt.Errorf("release the lock of %s: %w", l.plan, err)
		}
		if u == nil {
			return nil
		}
	}
}

// Holder says who holds the lock, nil if nobody. Whether that process lives cannot be seen from it.
func (l *Lease) Holder(ctx context.Context) (*LockedError, error) {
	_, r, err := l.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the lock of %s: %w", l.plan, err)
	}
	if r.Holder == "" {
		return nil, nil
	}
	return r.details(), nil
}

// RequestStop asks the holder to stop at its next safe point. Nobody there is no error.
func (l *Lease) RequestStop(ctx context.Context, who string) error {
	return l.change(ctx, "ask the holder of the lock of "+l.plan+" to stop", func(r record) (record, bool, error) {
		if r.Holder == "" || r.StopAsked != "" {
			return r, false, nil
		}
		r.StopAsked = who
		return r, true, nil
	})
}

// Break takes the lock from its holder, whose name the person has to type. The holder, if it lives, notices at its next
// renewal, and writes at most until two thirds of the ttl after its last one.
func (l *Lease) Break(ctx context.Context, typed string) error {
	return l.change(ctx, "break the lock of "+l.plan, func(r record) (record, bool, error) {
		switch r.Holder {
		case "":
			return r, false, fault.New(fault.Refused, "nothing needs to be done", "nobody holds it")
		case typed:
			return record{TTL: r.TTL, Transitions: r.Transitions}, true, nil
		}
		return r, false, fault.New(fault.Refused, "type the holder's name as shown", "it is held by %s, not by %q", r.Holder, typed)
	})
}

func (l *Lease) change(ctx context.Context, doing string, to func(record) (record, bool, error)) error {
	for {
		u, r, err := l.read(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		next, write, err := to(r)
		if err == nil && write {
			_, err = l.write(ctx, u, next)
		}
		if errors.Is(err, phase.ErrMoved) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		return nil
	}
}
