package parts

import (
	"context"
	"sync"
	"time"
)

// Pace keeps all requests of one phase together below a rate, whichever lane sends them. The zero value and nil do not
// slow down.
type Pace struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

// NewPace allows rate requests a second; 0 or less means any number.
func NewPace(rate int) *Pace {
	if rate <= 0 {
		return &Pace{}
	}
	return &Pace{every: time.Second / time.Duration(rate)}
}

// Wait returns when the next request may be sent, or when ctx ends.
func (p *Pace) Wait(ctx context.Context) error {
	if p == nil || p.every == 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	in := p.next.Sub(now)
	p.next = p.next.Add(p.every)
	p.mu.Unlock()
	if in <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(in)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
