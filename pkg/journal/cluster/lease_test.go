package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
)

const ttl = 30 * time.Second

func take(t *testing.T, api API, holder string) *Lease {
	t.Helper()
	l := NewLease(api, "ns", "shop", ttl)
	if err := l.Acquire(t.Context(), holder); err != nil {
		t.Fatal(err)
	}
	return l
}

func letGo(t *testing.T, l *Lease) {
	t.Helper()
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func held(l *Lease) bool {
	_, err := l.Held()
	return err == nil
}

func TestALiveHolderKeepsOthersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newMemory()
		a := take(t, api, "run-1")
		defer letGo(t, a)
		start := time.Now()
		err := NewLease(api, "ns", "shop", ttl).Acquire(t.Context(), "run-2")
		locked, ok := errors.AsType[*LockedError](err)
		if !ok || locked.Holder != "run-1" || fault.CodeOf(err) != fault.Locked || len(fault.Hints(err)) == 0 {
			t.Fatalf("second run: %v", err)
		}
		if waited := time.Since(start); waited > ttl/3 {
			t.Errorf("it took %s to see that the holder lives", waited)
		}
		time.Sleep(10 * ttl)
		if !held(a) {
			t.Error("not held any more after ten ttls of renewing")
		}
	})
}

func TestADeadHoldersLockIsFreeAfterOneTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newMemory()
		a := take(t, api, "run-1")
		die(a)
		start := time.Now()
		b := take(t, api, "run-2")
		defer letGo(t, b)
		if waited := time.Since(start); waited < ttl || waited > ttl+10*time.Second {
			t.Errorf("taken after %s, want about %s", waited, ttl)
		}
		if held(a) {
			t.Error("both hold it")
		}
	})
}

// die ends the renewing as the end of a process does.
func die(l *Lease) {
	l.end()
	<-l.ended
}

func TestALongDeadHoldersLockIsFreeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newMemory()
		die(take(t, api, "run-1"))
		time.Sleep(2*ttl + time.Minute + time.Second)
		start := time.Now()
		letGo(t, take(t, api, "run-2"))
		if waited := time.Since(start); waited > 0 {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestAHolderWithoutAnAPIServerStopsBelievingBeforeOthersMayTakeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newMemory()
		a := take(t, api, "run-1")
		defer func() { _ = a.Release(t.Context()) }()
		api.fail(errors.New("gone"))
		time.Sleep(ttl * 2 / 3)
		if until, err := a.Held(); err == nil {
			t.Errorf("held until %s without a renewal since the start", until)
		}
		api.fail(nil)
		time.Sleep(ttl / 3)
		if !held(a) {
			t.Error("nobody else took it and the API server is back: still not held")
		}
	})
}

// hanging is an API server that takes its time, and lets so many updates hang until their sender gives up.
type hanging struct {
	*memory
	left atomic.Int64
	lose bool // they are done all the same
}

func newHanging(api *memory, updates int64, lose bool) *hanging {
	h := &hanging{memory: api, lose: lose}
	h.left.Store(updates)
	return h
}

func (h *hanging) Update(ctx context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if h.left.Add(-1) < 0 {
		time.Sleep(20 * time.Millisecond)
		return h.memory.Update(ctx, u)
	}
	if h.lose {
		_, _ = h.memory.Update(ctx, u)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// Whether the lock was free or a dead process has it, and whether the write that hung was done or not: it is taken by another
// write, and counts from there.
func TestALockWhoseTakingHangsIsTakenAllTheSame(t *testing.T) {
	for _, dead := range []bool{false, true} {
		for _, lose := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				api := newMemory()
				before := take(t, api, "run-0")
				if dead {
					die(before)
				} else {
					letGo(t, before)
				}
				slow := newHanging(api, 1, lose)
				l := NewLease(slow, "ns", "shop", ttl)
				if err := l.Acquire(t.Context(), "run-1"); err != nil {
					t.Fatalf("dead %t, done %t: %v", dead, lose, err)
				}
				defer letGo(t, l)
				if until, err := l.Held(); err != nil || time.Until(until) < ttl/2 || slow.left.Load() >= 0 {
					t.Errorf("dead %t, done %t: held for %s (%v)", dead, lose, time.Until(until), err)
				}
			})
		}
	}
}

func TestOneRenewalThatHangsCostsNoLockHoweverShort(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, 5 * time.Second, 12 * time.Second, ttl, 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			api := newHanging(newMemory(), 1, false)
			a := NewLease(api, "ns", "shop", ttl)
			if err := a.Acquire(t.Context(), "run-1"); err != nil {
				t.Fatal(err)
			}
			defer letGo(t, a)
			for range 400 {
				time.Sleep(ttl / 200)
				if _, err := a.Held(); err != nil {
					t.Fatalf("a lock of %s: %v", ttl, err)
				}
			}
			if api.left.Load() >= 0 {
				t.Errorf("a lock of %s: nothing hung", ttl)
			}
		})
	}
}

func TestAPausedProcessFindsItsLockLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newMemory()
		a := take(t, api, "run-1")
		die(a) // no renewal while it is stopped
		b := take(t, api, "run-2")
		defer letGo(t, b)
		if err := a.once(t.Context()); !errors.Is(err, ErrLost) { // the first thing after SIGCONT
			t.Errorf("renewal after another took it: %v", err)
		}
		letGo(t, a)
		if h, err := b.Holder(t.Context()); err != nil || h == nil || h.Holder != "run-2" {
			t.Errorf("after the release of the old holder: %v %v", h, err)
		}
	})
}

func TestARequestToStopReachesTheHolderAndARollbackThenGetsTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newMemory()
		a := take(t, api, "forward")
		b := NewLease(api, "ns", "shop", ttl)
		if err := b.RequestStop(t.Context(), "rollback by ann"); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-a.Stopped()
			time.Sleep(3 * time.Second) // to its safe point
			letGo(t, a)
		}()
		if err := b.Await(t.Context(), "rollback"); err != nil {
			t.Fatal(err)
		}
		defer letGo(t, b)
		if a.StopAskedBy() != "rollback by ann" {
			t.Errorf("asked by %q", a.StopAskedBy())
		}
		select {
		case <-b.Stopped():
			t.Error("the new holder inherited the request to stop")
		case <-time.After(ttl):
		}
	})
}

func TestBreakingALockTakesTheHoldersName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newMemory()
		a := take(t, api, "run-1")
		other := NewLease(api, "ns", "shop", ttl)
		if err := other.Break(t.Context(), "run-2"); fault.CodeOf(err) != fault.Refused {
			t.Fatalf("broken with the wrong name: %v", err)
		}
		if err := other.Break(t.Context(), "run-1"); err != nil {
			t.Fatal(err)
		}
		if h, err := other.Holder(t.Context()); h != nil || err != nil {
			t.Errorf("holder after the break: %v %v", h, err)
		}
		time.Sleep(ttl / 3)
		if held(a) {
			t.Error("the old holder still believes in it")
		}
		b := take(t, api, "run-3")
		letGo(t, a)
		if h, err := b.Holder(t.Context()); err != nil || h == nil || h.Holder != "run-3" {
			t.Errorf("after the release of the old holder: %v %v", h, err)
		}
		letGo(t, b)
	})
}

func TestADeletedLeaseIsALostLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newMemory()
		a := take(t, api, "run-1")
		api.remove(kube.Lease, "ns", "cutover-shop")
		time.Sleep(ttl / 3)
		if _, err := a.Held(); !errors.Is(err, ErrLost) {
			t.Errorf("held: %v", err)
		}
		letGo(t, a)
	})
}

// The credentials of a run may end before it does: then it is not the API server that is ill.
func TestALostLockSaysWhyAndToWhom(t *testing.T) {
	ended := fault.Wrap(fault.Refused, "put fresh ones in", fmt.Errorf("update Lease: %w", apierrors.NewUnauthorized("token expired")))
	for name, c := range map[string]struct {
		happens func(*testing.T, *memory, *Lease)
		want    []string
	}{
		"the credentials end": {func(_ *testing.T, api *memory, _ *Lease) { api.fail(ended) }, []string{"the credentials of this run ended", "token expired", "put fresh ones in"}},
		"the server is gone":  {func(_ *testing.T, api *memory, _ *Lease) { api.fail(errors.New("no route")) }, []string{"could not be renewed in time", "no route"}},
		"somebody broke it and another took it": {func(t *testing.T, api *memory, a *Lease) {
			b := NewLease(api, "ns", "shop", ttl)
			if err := errors.Join(a.Break(t.Context(), "run-1"), b.Acquire(t.Context(), "run-2")); err != nil {
				t.Error(err)
			}
			b.end() // it renews no more
		}, []string{"run-2 took it"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			api := newMemory()
			a := take(t, api, "run-1")
			defer func() { api.fail(nil); _ = a.Release(t.Context()) }()
			c.happens(t, api, a)
			time.Sleep(ttl * 2 / 3)
			_, err := a.Held()
			hints := fault.Hints(err)
			if hints[len(hints)-1] != lostHint {
				t.Errorf("%s: the cause comes after what to do about the lock: %q", name, hints)
			}
			said := fmt.Sprint(err, hints)
			for _, want := range append(c.want, "cutover unlock") {
				if !errors.Is(err, ErrLost) || fault.CodeOf(err) != fault.Locked || !strings.Contains(said, want) {
					t.Errorf("%s: %q is not said: %s", name, want, said)
				}
			}
		})
	}
}
