package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

type key struct{ phase, step string }

// write is one call of Append that waits for its turn.
type write struct {
	batch []Entry
	err   error
	done  chan struct{}
}

// Log is the journal as one run sees it: loaded once, folded, appended to. It is phase.Past. Lanes append side by
// side; what arrives while one append is on its way travels together in the next.
type Log struct {
	store Store
	run   string
	turn  chan struct{} // held while talking to the store; a channel, because a mutex must not be held over I/O

	mu      sync.Mutex // guards what follows, never held over I/O
	queue   []*write
	version string
	entries []Entry
	broken  error // the first failed append: where the journal is now is unknown, so this run writes no more
	records map[key]Record
	phases  map[string]PhaseState
}

// Open loads the journal. run is what every entry that is appended says about who wrote it. An entry that this build
// cannot understand is an error.
func Open(ctx context.Context, s Store, run string) (*Log, error) {
	entries, version, err := s.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load journal: %w", err)
	}
	l := &Log{
		store: s, run: run, version: version, turn: make(chan struct{}, 1),
		records: map[key]Record{}, phases: map[string]PhaseState{},
	}
	for i, e := range entries {
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("load journal: entry %d: %w", i+1, err)
		}
		l.fold(e)
	}
	return l, nil
}

// Append writes entries, all or none, and returns when they are stored. It fills in At, Run and Gen. An entry that could
// not be read again is refused, and nobody else's with it. After an append that failed, and was not stored all the same,
// every later one fails with the same error.
func (l *Log) Append(ctx context.Context, entries ...Entry) error {
	for _, e := range entries {
		if _, err := line(e); err != nil {
			return fmt.Errorf("append to journal: %w", err)
		}
	}
	w := &write{batch: entries, done: make(chan struct{})}
	l.mu.Lock()
	l.queue = append(l.queue, w)
	l.mu.Unlock()
	select {
	case l.turn <- struct{}{}:
		l.flush(ctx)
		<-l.turn
	case <-w.done:
	}
	<-w.done
	return w.err
}

// flush stores everything that waits. The caller holds the turn.
func (l *Log) flush(ctx context.Context) {
	queue, batch, version, err := l.take()
	if err == nil && len(batch) > 0 {
		if version, err = l.store.Append(ctx, version, batch); err != nil {
			version, err = l.stored(ctx, batch, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken = err; err == nil {
		l.version = version
		for _, e := range batch {
			l.fold(e)
		}
	}
	for _, w := range queue {
		w.err = err
		close(w.done)
	}
}

const (
	reload  = 5 * time.Second        // how long it may take to find out what became of an append
	parting = 300 * time.Millisecond // how long when the caller's context is over: the process is about to end
)

// stored finds out whether an append that failed was stored all the same: its answer may have been lost. It is only if
// the batch is the end of the journal, entry by entry; else, or if that cannot be seen, the append failed with err.
func (l *Log) stored(ctx context.Context, batch []Entry, err error) (string, error) {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), reload)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(parting, cancel) })()
	entries, version, failed := l.store.Load(look)
	if failed != nil || len(entries) != len(l.entries)+len(batch) {
		return "", err
	}
	for i, e := range entries[len(l.entries):] {
		wrote, bad := json.Marshal(batch[i].clean()) // not line: a store may write Was in other letters that mean the same
		read, worse := json.Marshal(e)
		if bad != nil || worse != nil || !bytes.Equal(wrote, read) {
			return "", err
		}
	}
	return version, nil
}

// take empties the queue into one batch.
func (l *Log) take() (queue []*write, batch []Entry, version string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue, l.queue = l.queue, nil
	for _, w := range queue {
		for i := range w.batch {
			e := &w.batch[i]
			e.At, e.Run = time.Now().UTC(), l.run
			if e.Step != "" {
				e.Gen = l.records[key{e.Phase, e.Step}].Gen + 1
			}
		}
		batch = append(batch, w.batch...)
	}
	return queue, batch, l.version, l.broken
}

// Entries returns everything, oldest first.
func (l *Log) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}
