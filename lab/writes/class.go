package writes

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// class is what one client did.
type class struct {
	name  string
	first chan struct{} // closed at the first success

	mu       sync.Mutex
	done     []int // numbers of the acknowledged
	failures int
	unseen   int
	err      error
	gaps     stretches
}

func newClass(name string) *class { return &class{name: name, first: make(chan struct{})} }

// succeeded counts a success and returns the time since the one before.
func (c *class) succeeded(n int, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.done) == 0 {
		close(c.first)
	}
	c.done = append(c.done, n)
	return c.gaps.good(now)
}

func (c *class) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures, c.err = c.failures+1, err
	if errors.Is(err, errUnseen) {
		c.unseen++
	}
}

// newest is the last acknowledged write; false if there is none.
func (c *class) newest() (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.done) == 0 {
		return 0, false
	}
	return c.done[len(c.done)-1], true
}

// last is the last failure.
func (c *class) last() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// acknowledged are the numbers of all successes.
func (c *class) acknowledged() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.done)
}

func (c *class) counts() (done, failures, unseen int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.done), c.failures, c.unseen
}

// longest is the longest time without a success that touches a window.
func (c *class) longest(from, to time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gaps.longest(from, to)
}

// stretches are the times between one good moment and the next.
type stretches struct {
	last time.Time // good; zero before the first
	all  []stretch
}

type stretch struct{ from, to time.Time }

// short is what is not kept: it is below what a client pauses by itself.
const short = 60 * time.Millisecond

// good is a good moment. It returns the time since the last one.
func (s *stretches) good(now time.Time) time.Duration {
	last := s.last
	s.last = now
	if last.IsZero() {
		return 0
	}
	gap := now.Sub(last)
	if gap >= short {
		s.all = append(s.all, stretch{last, now})
	}
	return gap
}

// longest is the longest stretch that touches a window, the one that has not ended by the window's end among them.
func (s *stretches) longest(from, to time.Time) time.Duration {
	longest := time.Duration(0)
	for _, one := range s.all {
		if one.to.After(from) && one.from.Before(to) {
			longest = max(longest, one.to.Sub(one.from))
		}
	}
	if !s.last.IsZero() && s.last.Before(to) {
		longest = max(longest, to.Sub(s.last))
	}
	return longest
}
