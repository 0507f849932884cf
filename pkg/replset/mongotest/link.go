package mongotest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// Link is what lies between the two sides. While it is cut nothing arrives, and nobody is told: what was sent waits, as it does in
// the kernel of who sends it again and again.
type Link struct {
	ahead, back way // from old to new, and from new to old
	ctx         context.Context
	loops       sync.WaitGroup
}

// Way is one direction of a link.
type Way int

// The directions.
const (
	Both Way = iota
	Ahead
	Back
)

func newLink(t testing.TB) *Link {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Link{ctx: ctx}
	l.ahead.mend()
	l.back.mend()
	t.Cleanup(func() {
		cancel()
		l.loops.Wait()
	})
	return l
}

// Cut lets nothing pass any more in some direction.
func (l *Link) Cut(w Way) {
	for _, one := range l.ways(w) {
		one.cut()
	}
}

// Mend lets everything pass again, what was sent meanwhile first.
func (l *Link) Mend() {
	for _, one := range l.ways(Both) {
		one.mend()
	}
}

// Delay lets everything take so much longer, each way.
func (l *Link) Delay(d time.Duration) {
	for _, one := range l.ways(Both) {
		one.mu.Lock()
		one.longer = d
		one.mu.Unlock()
	}
}

func (l *Link) ways(w Way) []*way {
	switch w {
	case Ahead:
		return []*way{&l.ahead}
	case Back:
		return []*way{&l.back}
	}
	return []*way{&l.ahead, &l.back}
}

type way struct {
	mu     sync.Mutex
	open   chan struct{} // closed while everything passes
	shut   bool
	longer time.Duration
}

func (w *way) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.shut {
		w.shut, w.open = true, make(chan struct{})
	}
}

func (w *way) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open, w.shut = make(chan struct{}), true
	}
	if w.shut {
		w.shut = false
		close(w.open)
	}
}

// passes waits until what was sent then arrives.
func (w *way) passes(ctx context.Context, sent time.Time) error {
	for {
		w.mu.Lock()
		open, due, shut := w.open, sent.Add(w.longer), w.shut
		w.mu.Unlock()
		if rest := time.Until(due); !shut && rest <= 0 {
			return nil
		} else if !shut {
			select {
			case <-time.After(rest):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			continue
		}
		select {
		case <-open:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// serve is the end of the link at which the other side finds one server: sends is the direction of who dials.
func (l *Link) serve(here, there string, sends, answers *way) error {
	listener, err := net.Listen("tcp", here)
	if err != nil {
		return err
	}
	context.AfterFunc(l.ctx, func() { _ = listener.Close() })
	l.loops.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil { // it was closed
				return
			}
			l.loops.Go(func() { l.join(conn, there, sends, answers) })
		}
	})
	return nil
}

// join is one connection across the link. Its first packet has to get there, and the answer back, before there is one.
func (l *Link) join(near net.Conn, there string, sends, answers *way) {
	defer near.Close() //nolint:errcheck // it is over
	now := time.Now()
	if errors.Join(sends.passes(l.ctx, now), answers.passes(l.ctx, now)) != nil {
		return
	}
	far, err := net.DialTimeout("tcp", there, time.Second)
	if err != nil {
		return
	}
	defer far.Close() //nolint:errcheck // it is over
	stop := context.AfterFunc(l.ctx, func() { _, _ = near.Close(), far.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { l.carry(far, near, sends) })
	both.Go(func() { l.carry(near, far, answers) })
	both.Wait()
}

type chunk struct {
	sent time.Time
	data []byte
}

// carry carries what from says to to, and its end.
func (l *Link) carry(to, from net.Conn, w *way) {
	queue := make(chan chunk, 256)
	go func() {
		defer close(queue)
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				select {
				case queue <- chunk{time.Now(), buffer[:n]}:
				case <-l.ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	for c := range queue {
		if w.passes(l.ctx, c.sent) != nil {
			return
		}
		if _, err := to.Write(c.data); err != nil {
			_ = from.Close() // nobody is left to tell
			continue
		}
	}
	if w.passes(l.ctx, time.Now()) != nil {
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
