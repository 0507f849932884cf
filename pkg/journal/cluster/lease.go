package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// Lease is the lock of a plan: a coordination.k8s.io Lease cutover-<plan>, held by one process at a time.
//
// Expiry. A holder renews three times per ttl, or more often. Who wants the lock of another watches it for one ttl on
// its own clock: unchanged all that time, it is free. Only if its renewTime is more than twice the ttl and a minute
// ago is it free at once: then the clocks of the two machines would have to differ by more than that. The holder for
// its part believes itself the holder until two thirds of the ttl after the START of its last successful renewal, on
// its own monotonic clock, which goes on while the process is stopped. So nobody needs anybody else's clock, and a
// third of the ttl lies between "I may write" and "I may take it".
type Lease struct {
	api             API
	namespace, plan string
	ttl             time.Duration

	mu     sync.Mutex
	holder string // "" = not held by this process
	object *unstructured.Unstructured
	until  time.Time // how long this process may write; carries the monotonic clock
	lost   error     // why it is no longer ours
	failed error     // of the last renewal, nil: it went well
	asker  string    // who asked to stop

	stopped chan struct{}
	end     context.CancelFunc // of the renewing
	ended   chan struct{}
}

// ErrLost is returned by Held when the lock is not, or no longer, this process's.
var ErrLost = errors.New("it is not held any more")

// lostHint is what to do about it.
const lostHint = "cutover unlock shows who holds the lock now; when nobody does, run the same again, it goes on where this run stopped"

// NewLease is the lock of a plan. Every process has to use the same ttl, at least a second.
func NewLease(api API, namespace, plan string, ttl time.Duration) *Lease {
	return &Lease{api: api, namespace: namespace, plan: plan, ttl: max(ttl, time.Second), stopped: make(chan struct{})}
}

// LockedError says who holds the lock.
type LockedError struct {
	Holder    string
	Since     time.Time // by the holder's clock
	TTL       time.Duration
	StopAsked string // who asked the holder to stop, "" = nobody
}

func (e *LockedError) Error() string {
	s := fmt.Sprintf("the lock is held by %s since %s", e.Holder, e.Since.UTC().Format(time.RFC3339))
	if e.StopAsked != "" {
		s += ", which " + e.StopAsked + " asked to stop"
	}
	return s
}

func (l *Lease) name() string { return "cutover-" + l.plan }

func (l *Lease) read(ctx context.Context) (*unstructured.Unstructured, record, error) {
	u, err := l.api.Read(ctx, kube.Lease, l.namespace, l.name())
	if apierrors.IsNotFound(err) {
		return nil, record{}, nil
	}
	if err != nil {
		return nil, record{}, err
	}
	r, err := readRecord(u)
	return u, r, err
}

// Acquire takes the lock, and keeps it until Release. holder names this process: run, attempt, job,
// host and a random part. If another process holds the lock and shows that it lives, the error is a *LockedError with
// code fault.Locked; to find that out takes up to a third of the ttl, and a whole ttl if it does not live.
func (l *Lease) Acquire(ctx context.Context, holder string) error {
	return l.acquire(ctx, holder, false)
}

// Await is Acquire, but waits for a live holder to let go, until ctx ends.
func (l *Lease) Await(ctx context.Context, holder string) error { return l.acquire(ctx, holder, true) }

func (l *Lease) acquire(ctx context.Context, holder string, patient bool) error {
	doing := func(err error) error { return fmt.Errorf("take the lock of %s: %w", l.plan, err) }
	if holder == "" {
		return doing(errors.New("the holder has no name"))
	}
	tick := time.NewTicker(l.pace())
	defer tick.Stop()
	var watched record // as first seen
	var since time.Time
	for hung := 0; ; {
		u, r, err := l.read(ctx)
		if err != nil {
			return doing(err)
		}
		if !r.Renewed.Equal(watched.Renewed) || r.Holder != watched.Holder {
			if watched.Holder != "" && r.Holder != "" && r.Holder != holder && !patient {
				return doing(r.locked())
			}
			watched, since = r, time.Now()
		}
		if u == nil || r.free(l.ttl, time.Since(since)) || r.Holder == holder {
			err := l.take(ctx, u, r, holder)
			if errors.Is(err, errHung) && ctx.Err() == nil && hung < 2 {
				hung++
				continue // it may be ours already: the next look tells
			}
			if !errors.Is(err, phase.ErrMoved) {
				if err != nil {
					return doing(err)
				}
				return nil
			}
			continue // somebody was quicker, or it was renewed after all
		}
		select {
		case <-ctx.Done():
			return doing(errors.Join(r.locked(), context.Cause(ctx)))
		case <-tick.C:
		}
	}
}

// pace is how often the lock is renewed, and looked at by others: often enough that a request to stop is seen soon, and
// that after a renewal that hung (a third of the ttl) there is time for another before two thirds are over.
func (l *Lease) pace() time.Duration { return min(l.ttl/6, 5*time.Second) }

var errHung = errors.New("no answer in time for a lock")

// take writes the lock and starts renewing it. What counts is when it was asked for, so an answer that takes too long is of no
// use: it is asked again.
func (l *Lease) take(ctx context.Context, u *unstructured.Unstructured, r record, holder string) error {
	start := time.Now()
	next := record{Holder: holder, TTL: l.ttl, Acquired: start, Renewed: start, Transitions: r.Transitions + 1}
	asking, cancel := context.WithTimeoutCause(ctx, l.ttl/3, errHung)
	defer cancel()
	made, err := l.write(asking, u, next)
	if err != nil {
		if errors.Is(context.Cause(asking), errHung) {
			err = fmt.Errorf("%w: %w", errHung, err)
		}
		return err
	}
	renewing, end := context.WithCancel(context.WithoutCancel(ctx)) // a run that is asked to stop still writes its last words
	l.mu.Lock()
	l.holder, l.object, l.until, l.lost, l.failed, l.asker = holder, made, start.Add(l.ttl*2/3), nil, nil, ""
	l.stopped, l.end, l.ended = make(chan struct{}), end, make(chan struct{})
	ended := l.ended
	l.mu.Unlock()
	go func() {
		defer close(ended)
		l.renew(renewing)
	}()
	return nil
}

func (l *Lease) write(ctx context.Context, u *unstructured.Unstructured, r record) (*unstructured.Unstructured, error) {
	next, err := r.object(l.namespace, l.name(), l.plan)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return createIn(ctx, l.api, l.namespace, l.plan, next)
	}
	next.SetResourceVersion(u.GetResourceVersion())
	return l.api.Update(ctx, next)
}

// Held returns until when this process may write, by its own clock. It fails once that has passed.
func (l *Lease) Held() (until time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.holder == "" && l.lost == nil:
		return time.Time{}, lost(ErrLost)
	case l.lost != nil:
		return time.Time{}, lost(l.lost)
	case !time.Now().Before(l.until):
		return time.Time{}, lost(l.late())
	}
	return l.until, nil
}

// lost gives why a lock is not held any more its code and what to do: about the cause first, if that says anything.
func lost(err error) error {
	return fault.Advise(fault.Locked, err, append(fault.Hints(err), lostHint)...)
}

// late says why the lock ran out. The caller holds mu.
func (l *Lease) late() error {
	switch {
	case l.failed == nil:
		return fmt.Errorf("%w: it was not renewed in time, and somebody else may hold it by now", ErrLost)
	case apierrors.IsUnauthorized(l.failed):
		return fmt.Errorf("%w, because the credentials of this run ended: %w", ErrLost, l.failed)
	}
	return fmt.Errorf("%w: it could not be renewed in time, and somebody else may hold it by now: %w", ErrLost, l.failed)
}

// Stopped is closed when somebody asked this holder to stop at its next safe point; StopAskedBy then says who.
func (l *Lease) Stopped() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// StopAskedBy is who asked this holder to stop, "" = nobody.
func (l *Lease) StopAskedBy() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asker
}
