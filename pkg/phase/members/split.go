package members

import (
	"context"
	"fmt"
	"sync"
	"time"

	"cutover.dev/cutover/pkg/phase"
)

// splitFor is how long the even split may last, from when it was seen: while it does, a link that is cut leaves nobody who could
// elect a primary.
const splitFor = 15 * time.Second

// Watched makes the first step of a lane, which leads into the even split, the beginning of a stretch that is taken back when the
// step at past is not seen done in time after it.
func Watched(lane phase.Lane, past int) phase.Lane {
	s := &split{in: make(chan struct{}), out: make(chan struct{})}
	lane[0].Observe = tells(lane[0].Observe, s.in, &s.inOnce)
	lane[past].Observe = tells(lane[past].Observe, s.out, &s.outOnce)
	lane[0].Watch = s.watch
	return lane
}

type split struct {
	in, out         chan struct{}
	inOnce, outOnce sync.Once
}

func tells(look func(context.Context) (phase.Observation, error), seen chan struct{}, once *sync.Once) func(context.Context) (phase.Observation, error) {
	return func(ctx context.Context) (phase.Observation, error) {
		o, err := look(ctx)
		if err == nil && o.State == phase.Done {
			once.Do(func() { close(seen) })
		}
		return o, err
	}
}

func (s *split) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.out:
		return nil
	case <-s.in:
	}
	t := time.NewTimer(splitFor)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-s.out:
		return nil
	case <-t.C:
		return fmt.Errorf("the even split did not end within %s", splitFor)
	}
}
