// Package progress tells the person who waits what was done, how much of it there is and how
// long it took so far.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress counts steps. It may be used from several goroutines at once.
type Progress struct {
	mu     sync.Mutex
	out    io.Writer
	start  time.Time
	done   int
	expect int
}

// New writes to out; nil is silent.
func New(out io.Writer) *Progress {
	if out == nil {
		out = io.Discard
	}
	return &Progress{out: out, start: time.Now()}
}

// Expect announces n more steps.
func (p *Progress) Expect(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expect += n
}

// Done reports one finished step.
func (p *Progress) Done(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	// More steps than announced is a slip in the announcement, not a reason to print "12 of 11".
	p.expect = max(p.expect, p.done)
	p.line(fmt.Sprintf("%2d/%d", p.done, p.expect), format, args...)
}

// Note says something that is not a step, such as what a long build is about to do.
func (p *Progress) Note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line("  ..", format, args...)
}

func (p *Progress) line(mark, format string, args ...any) {
	fmt.Fprintf(p.out, "%-6s %6.1fs  %s\n", mark, time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}

// Elapsed is the time since New.
func (p *Progress) Elapsed() time.Duration { return time.Since(p.start) }
