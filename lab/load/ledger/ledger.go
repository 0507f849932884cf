package ledger

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Ledger takes entries from many goroutines.
type Ledger struct {
	mu    sync.Mutex
	file  *bufio.Writer
	lines *json.Encoder
	err   error // the first that kept a line from being written
	tally tally
}

// New returns a ledger that writes one JSON line per entry to w.
func New(w io.Writer) *Ledger {
	file := bufio.NewWriterSize(w, 1<<16)
	return &Ledger{file: file, lines: json.NewEncoder(file), tally: newTally()}
}

// Add takes one entry.
func (l *Ledger) Add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.lines.Encode(e); err != nil && l.err == nil {
		l.err = err
	}
	l.tally.add(e)
}

// Counters returns what was counted so far.
func (l *Ledger) Counters() Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally.counters()
}

// Second returns what was answered within the whole second that t falls into: cluster -> answers, and how many were
// lost. A second that is not over yet is still growing.
func (l *Ledger) Second(t time.Time) (answered map[string]int, lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.tally.seconds[t.Unix()]
	if s == nil {
		return nil, 0
	}
	answered = map[string]int{}
	for cluster, n := range s.answered {
		answered[cluster] = n
	}
	return answered, s.lost
}

// Flush writes what is buffered. Its error says that the file does not hold every entry.
func (l *Ledger) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Flush(); err != nil && l.err == nil {
		l.err = err
	}
	if l.err != nil {
		return fmt.Errorf("write the ledger: %w", l.err)
	}
	return nil
}
