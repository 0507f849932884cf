package probe

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxBad is how many bad requests a ledger keeps in full.
const maxBad = 20

// book is a ledger while it is being written.
type book struct {
	series    Series
	started   time.Time
	talk      sync.Mutex // held while the caller is asked or told, so that a slow caller does not hold up the sending
	mu        sync.Mutex // of what follows
	out       Ledger
	tallies   []tally
	latencies []time.Duration
	stopped   time.Time
	done      chan struct{} // closed when every target has its streak
	closed    bool
}

// tally is what the book knows about one target. Answers overtake each other, but "in a row" goes by the order of
// sending: Streak counts up to the first request that has not ended yet.
type tally struct {
	Tally
	next     int          // sequence number of the next request
	first    int          // the first request that has not ended
	ended    map[int]bool // those after first that have, and whether they were good
	lastGood time.Time
	took     []time.Duration // latency of its answers
}

func (t *tally) end(seq int, good bool) {
	t.ended[seq] = good
	for {
		good, ok := t.ended[t.first]
		if !ok {
			return
		}
		delete(t.ended, t.first)
		t.first++
		t.Streak++
		if !good {
			t.Streak = 0
		}
	}
}

func newBook(s Series) *book {
	b := &book{series: s, started: time.Now(), done: make(chan struct{}), tallies: make([]tally, len(s.Targets))}
	b.out = Ledger{Started: b.started, ByVia: map[string]int{}, ByClass: map[Class]int{}, ByStatus: map[int]int{}}
	b.out.Every = time.Second * time.Duration(max(1, len(s.Targets))) / time.Duration(s.Rate)
	for i, t := range s.Targets {
		b.tallies[i] = tally{Tally: Tally{Name: t.Label(), ByVia: map[string]int{}}, ended: map[int]bool{}, lastGood: b.started}
	}
	return b
}

func (b *book) sent(i int) (seq int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := &b.tallies[i]
	seq = t.next
	t.next++
	t.Sent++
	b.out.Sent++
	return seq
}

func (b *book) skip(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out.Skipped += n
}

// settle judges one request and writes it down. aborted: it ended because the prober was told to.
func (b *book) settle(i, seq int, a Answer, aborted bool) {
	target, err := b.series.Targets[i], a.Err
	b.talk.Lock()
	defer b.talk.Unlock()
	if a.Class == Answered {
		err = b.series.judge(target, a)
	}
	b.record(&b.tallies[i], seq, a, err, aborted)
	if b.series.On != nil && !aborted {
		b.series.On(target, a, err)
	}
}

func (b *book) record(t *tally, seq int, a Answer, err error, aborted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case aborted:
		b.out.Aborted++
		t.Aborted++
		return
	case a.Class == Answered:
		b.latencies = append(b.latencies, a.Latency)
		t.took = append(t.took, a.Latency)
		b.out.ByVia[a.Via]++
		b.out.ByStatus[a.Status]++
		t.ByVia[a.Via]++
	default:
		b.out.ByClass[a.Class]++
	}
	switch {
	case err == nil:
		b.good(t)
	case a.Class == Answered:
		b.out.Wrong++
		t.Wrong++
	default:
		b.out.Lost++
		t.Lost++
	}
	if err != nil && len(b.out.Bad) < maxBad {
		b.out.Bad = append(b.out.Bad, Sample{
			At: a.At, Target: t.Name, ID: a.ID, Status: a.Status, Via: a.Via, Class: a.Class, Latency: a.Latency, Error: err.Error(),
		})
	}
	t.end(seq, err == nil)
	b.enough()
}

func (s Series) judge(t Target, a Answer) error {
	if s.Judge != nil {
		return s.Judge(t, a)
	}
	if a.Status >= 500 {
		return fmt.Errorf("status %d", a.Status)
	}
	return nil
}

func (b *book) good(t *tally) {
	now := time.Now()
	b.out.Good++
	t.Good++
	t.LongestGap = max(t.LongestGap, now.Sub(t.lastGood))
	t.lastGood = now
}

// enough ends the sending when every target has its streak.
func (b *book) enough() {
	if b.series.Streak <= 0 || b.closed {
		return
	}
	for i := range b.tallies {
		if b.tallies[i].Streak < b.series.Streak {
			return
		}
	}
	b.closed = true
	close(b.done)
}

// end marks when sending ended; requests in flight may still be written down.
func (b *book) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = time.Now()
}

func (b *book) ledger() *Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.out
	l.Seconds = b.stopped.Sub(b.started).Seconds()
	slices.Sort(b.latencies)
	l.P50, l.P99 = quantile(b.latencies, 50), quantile(b.latencies, 99)
	for i := range b.tallies {
		t := b.tallies[i]
		t.LongestGap = max(t.LongestGap, b.stopped.Sub(t.lastGood))
		slices.Sort(t.took)
		t.P50 = quantile(t.took, 50)
		l.LongestGap = max(l.LongestGap, t.LongestGap)
		if i == 0 || t.Streak < l.Streak {
			l.Streak = t.Streak
		}
		l.Targets = append(l.Targets, t.Tally)
	}
	return &l
}

// quantile returns the value below which p percent of the sorted values lie, by nearest rank.
func quantile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
