package probe

import (
	"context"
	"sync"
	"time"
)

// Series asks many times, in the open model: request i leaves at start + i × interval whether or not the earlier ones
// were answered, so that a target that hangs cannot slow down the counting of what it loses.
type Series struct {
	Targets []Target // asked in turn
	Rate    int      // requests a second, all targets together; 0 = 10

	// When to end. Whichever comes first; with none of them the series ends with its context.
	Count  int           // requests per target
	For    time.Duration // time to send in
	Streak int           // good answers in a row that every target must have

	InFlight int // at most so many unanswered requests; 0 = 1024. Slots beyond are skipped, and counted as such

	// Judge says what is wrong with an answer, nil when it is good. It is asked about answers only, never about losses.
	// Nil: any status below 500.
	Judge func(Target, Answer) error

	// On is told about every request that ended; err is nil when the answer was good. It may end the series by
	// cancelling the context. Calls of Judge and On never overlap.
	On func(t Target, a Answer, err error)
}

// Run sends until the series ends and returns its books. Requests in flight at a regular end are waited for; those that
// the end of the context cut off are counted as aborted, neither good nor lost.
func (s Series) Run(ctx context.Context) *Ledger {
	if s.Rate <= 0 {
		s.Rate = 10
	}
	if s.InFlight <= 0 {
		s.InFlight = 1024
	}
	b := newBook(s)
	var wg sync.WaitGroup
	room := make(chan struct{}, s.InFlight)
	s.pace(ctx, b, func(i int) bool {
		select {
		case room <- struct{}{}:
		default:
			return false
		}
		seq := b.sent(i)
		wg.Go(func() {
			defer func() { <-room }()
			a := Ask(ctx, s.Targets[i])
			b.settle(i, seq, a, a.Class != Answered && ctx.Err() != nil)
		})
		return true
	})
	b.end()
	wg.Wait()
	return b.ledger()
}

// pace calls send with the number of the target, one slot after the other. A slot that was missed, because the machine
// was busy or too much was in flight, is skipped: sending late what is due would ask in bursts that no user makes.
func (s Series) pace(ctx context.Context, b *book, send func(target int) bool) {
	if len(s.Targets) == 0 {
		return
	}
	interval := time.Second / time.Duration(s.Rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for slot, n := 0, 0; s.Count == 0 || n < s.Count*len(s.Targets); slot++ {
		due := b.started.Add(time.Duration(slot) * interval)
		if s.For > 0 && due.Sub(b.started) >= s.For {
			return
		}
		if late := time.Since(due); late >= interval {
			missed := int(late / interval)
			slot += missed
			b.skip(missed + 1)
			continue
		}
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-b.done:
			return
		case <-timer.C:
		}
		if send(n % len(s.Targets)) {
			n++
		} else {
			b.skip(1)
		}
	}
}
