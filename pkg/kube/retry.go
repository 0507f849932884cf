package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/sethvargo/go-retry"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/klog/v2"
)

// How a request may be repeated.
type manner int

const (
	reading manner = iota // whatever went wrong, asking again is harmless
	writing               // conditional: sending it twice cannot write twice
	blindly               // not conditional: repeated only when it certainly did nothing
)

// A request is sent at most attempts times (about 3 s of waiting in all), and not again when patience has passed: a
// step's own limit is what people should meet, and a server that hangs is to be found out soon.
const (
	attempts = 5
	patience = 30 * time.Second
)

type attemptKey struct{}

// attempt collects what the transport learned about one request.
type attempt struct{ after time.Duration }

// lost says that a request went out and no answer came back: it may have been done or may yet be done.
type lost struct{ error }

func (l lost) Unwrap() error { return l.error }

// try sends a request, each time with a deadline of its own, and repeats it where that is safe. After a write whose
// answer was lost the error of a later attempt is wrapped in lost as well: only the caller can find out what happened. A 401
// did nothing, and is final unless it made the client log in anew: then it is asked once more.
func (c *Cluster) try(ctx context.Context, how manner, send func(context.Context) error) error {
	a := &attempt{}
	maybe, renewed := false, !c.renews
	err := retry.Do(ctx, a.backoff(), func(ctx context.Context) error {
		a.after = 0
		once, cancel := context.WithTimeoutCause(context.WithValue(ctx, attemptKey{}, a), c.timeout,
			fmt.Errorf("no answer from %s within %s", c.env, c.timeout))
		defer cancel()
		err := send(klog.NewContext(once, klog.Logger{})) // client-go would tell on stderr what is in the error anyhow
		if err != nil && once.Err() != nil && ctx.Err() == nil {
			err = errors.Join(context.Cause(once), err)
		}
		again, unclear := judge(err)
		maybe = maybe || (unclear && how != reading)
		if apierrors.IsUnauthorized(err) && !renewed {
			again, renewed = true, true
		}
		if again && (!unclear || how != blindly) {
			return retry.RetryableError(err)
		}
		return err
	})
	if err != nil && maybe {
		return lost{err}
	}
	return err
}

// put is try for a write to an object of the migration, of which only so many are on their way at once. What the program
// itself keeps (journal, lock) does not wait for them.
func (c *Cluster) put(ctx context.Context, how manner, send func(context.Context) error) error {
	select {
	case c.writers <- struct{}{}:
		defer func() { <-c.writers }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return c.try(ctx, how, send)
}

// judge says whether asking again may help, and whether the request may have been done.
func judge(err error) (again, unclear bool) {
	status, answered := errors.AsType[*apierrors.StatusError](err)
	switch {
	case err == nil:
		return false, false
	case !answered:
		return true, !errors.Is(err, syscall.ECONNREFUSED)
	case status.Status().Code == http.StatusTooManyRequests:
		return true, false
	case status.Status().Code >= 500:
		return true, true
	}
	return false, false
}

// backoff waits as long as the server asked for, otherwise 0.2 s, doubling.
func (a *attempt) backoff() retry.Backoff {
	own := retry.WithMaxDuration(patience, retry.WithMaxRetries(attempts-1, retry.WithJitterPercent(20, retry.NewExponential(200*time.Millisecond))))
	return retry.BackoffFunc(func() (time.Duration, bool) {
		wait, stop := own.Next()
		return max(wait, a.after), stop
	})
}

// retryAfter reads the header. More than a minute is a server that is not coming back for this run.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Minute)
}

// snapped is a connection that broke off. Its text and chain hide how from client-go, which would send a read ten more
// times, a second apart, inside each attempt of ours.
type snapped struct{ cause error }

func (snapped) Error() string { return "the connection broke off" }

func (s snapped) Is(target error) bool { return errors.Is(s.cause, target) }

// snap is err, or snapped for those that client-go repeats by itself.
func snap(err error) error {
	if utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err) || utilnet.IsHTTP2ConnectionLost(err) {
		return snapped{err}
	}
	return err
}
