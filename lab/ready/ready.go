// Package ready waits for things that take a moment, each with a deadline and a name, so that
// a lab that doesn't come up says which part is missing and what was last seen of it.
package ready

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pause between two looks; short, because the sum of all waits is the time a person waits.
const pause = 50 * time.Millisecond

// errFatal marks a failure that waiting will not cure.
var errFatal = errors.New("waiting longer is pointless")

// Fatal says that looking again is pointless, for example because the process is gone.
func Fatal(err error) error { return fmt.Errorf("%w: %w", err, errFatal) }

// Until looks until look returns nil. After limit it gives up and returns the last answer.
// Each look gets a context that ends after three seconds.
func Until(ctx context.Context, what string, limit time.Duration, look func(context.Context) error) error {
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	last := errors.New("nothing seen yet")
	for {
		err := once(ctx, look)
		if err == nil {
			return nil
		}
		if errors.Is(err, errFatal) {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if parent.Err() != nil { // somebody else's failure, or a signal
				return fmt.Errorf("wait for %s: %w", what, context.Cause(parent))
			}
			return fmt.Errorf("wait for %s: not so after %s: %w", what, limit, last)
		case <-ticker.C:
		}
	}
}

func once(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return look(ctx)
}

// InARow turns a look into one that succeeds only after n successes one after the other.
func InARow(n int, look func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for i := range n {
			if err := look(ctx); err != nil {
				return fmt.Errorf("answer %d of %d: %w", i+1, n, err)
			}
		}
		return nil
	}
}
