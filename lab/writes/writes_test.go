package writes

import (
	"errors"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

func TestTheLongestPauseIsFoundInItsWindow(t *testing.T) {
	var s stretches
	for _, ms := range []int{0, 30, 60, 1160, 1190, 1590, 1620} {
		s.good(at(ms))
	}
	for _, c := range []struct {
		why      string
		from, to int
		want     time.Duration
	}{
		{"all of it", 0, 1620, 1100 * time.Millisecond},
		{"after the first", 1170, 1620, 400 * time.Millisecond},
		{"begins in the middle of the first", 500, 1180, 1100 * time.Millisecond},
		{"nothing since", 1600, 4620, 3 * time.Second},
		{"a time of no pause", 5, 20, 0},
	} {
		if got := s.longest(at(c.from), at(c.to)); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
	if got := (&stretches{}).longest(at(0), at(9)); got != 0 {
		t.Errorf("nothing was ever good: %s", got)
	}
}

func TestOnlyTheTimeWithoutAnyPrimaryCounts(t *testing.T) {
	w := &watch{takes: map[string]bool{}, nobody: at(0)}
	w.heard("a", false, at(10))
	w.heard("b", true, at(500)) // before the first primary there is no gap
	w.heard("b", false, at(1000))
	w.heard("a", false, at(1010))
	w.heard("a", true, at(1073))
	w.heard("b", true, at(2000)) // two at once for a moment: writes went on
	w.heard("a", false, at(2100))
	if got := w.longest(at(0), at(3000)); got != 73*time.Millisecond {
		t.Errorf("longest %s, want 73ms", got)
	}
	w.heard("b", false, at(3000))
	if got := w.longest(at(0), at(5000)); got != 2*time.Second {
		t.Errorf("nobody since two seconds: %s", got)
	}
}

func TestWhatIsNotThereIsLostAndWhatFailedMayBeThere(t *testing.T) {
	c := newClass("retryable")
	for _, n := range []int{0, 1, 3, 4} {
		c.succeeded(n, at(n))
	}
	c.failed(errors.New("interrupted"))
	if got := missing(c.acknowledged(), map[int]bool{0: true, 2: true, 3: true}); !slices.Equal(got, []int{1, 4}) {
		t.Errorf("lost %v, want 1 and 4", got)
	}
	c.failed(errUnseen)
	if done, failures, unseen := c.counts(); done != 4 || failures != 2 || unseen != 1 {
		t.Errorf("%d %d %d", done, failures, unseen)
	}
}
