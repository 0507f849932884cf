package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sends runs s in a bubble and returns when each request left, counted from the start.
func sends(t *testing.T, s *Series, respond func(n int) int) *[]time.Duration {
	t.Helper()
	var at []time.Duration
	var mu sync.Mutex
	start := time.Now()
	t.Cleanup(func() { time.Sleep(2 * time.Minute); synctest.Wait() }) // servers that still sleep end with the bubble
	s.Targets = []Target{{Host: "shop.test", Addr: "x:80", Dial: inMemory(func(n int, _ *http.Request) (int, string) {
		mu.Lock()
		at = append(at, time.Since(start))
		mu.Unlock()
		return respond(n), ""
	})}}
	return &at
}

func TestASlowTargetDoesNotSlowTheSeriesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Series{Rate: 10, Count: 5}
		at := sends(t, s, func(int) int { time.Sleep(3 * time.Second); return 200 })
		l := s.Run(t.Context())
		want := []time.Duration{0, 100, 200, 300, 400}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if diff := cmp.Diff(want, *at); diff != "" {
			t.Error(diff)
		}
		if l.Good != 5 || l.P50 != 3*time.Second || l.Targets[0].P50 != 3*time.Second || l.LongestGap != 3*time.Second || l.Every != 100*time.Millisecond {
			t.Errorf("%s, median %s, every %s", l, l.P50, l.Every)
		}
	})
}

func TestWhatWasMissedIsSkippedAndNotSentInABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Series{Rate: 10, Count: 4, Targets: make([]Target, 1)}
		b := newBook(s)
		var at []time.Duration
		s.pace(t.Context(), b, func(int) bool {
			at = append(at, time.Since(b.started))
			if len(at) == 2 {
				time.Sleep(550 * time.Millisecond) // a stalled machine
			}
			return true
		})
		want := []time.Duration{0, 100 * time.Millisecond, 700 * time.Millisecond, 800 * time.Millisecond}
		if diff := cmp.Diff(want, at); diff != "" || b.out.Skipped != 5 {
			t.Errorf("%d skipped, %s", b.out.Skipped, diff)
		}
	})
}

func TestTooMuchInFlightIsSkippedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Series{Rate: 10, For: time.Second, InFlight: 2}
		sends(t, s, func(int) int { time.Sleep(time.Minute); return 200 })
		l := s.Run(t.Context())
		if l.Sent != 2 || l.Skipped != 8 || l.Lost != 2 || l.ByClass[Timeout] != 2 {
			t.Errorf("%s %v", l, l.ByClass)
		}
	})
}

func TestTheLongestGapIsBetweenGoodAnswersOfOneTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := func(bad func(n int) bool) func(int, *http.Request) (int, string) {
			return func(n int, _ *http.Request) (int, string) {
				if bad(n) {
					return 503, "m"
				}
				return 200, ""
			}
		}
		s := Series{Rate: 20, Count: 20, Targets: []Target{
			{Name: "a", Host: "shop.test", Dial: inMemory(status(func(n int) bool { return n >= 5 && n < 9 }))},
			{Name: "b", Host: "shop.test", Dial: inMemory(status(func(n int) bool { return false }))},
		}}
		l := s.Run(t.Context())
		if l.Wrong != 4 || l.Good != 36 || l.LongestGap != 500*time.Millisecond || l.Targets[1].LongestGap != 100*time.Millisecond {
			t.Errorf("%s, b: %s", l, l.Targets[1].LongestGap)
		}
		if l.Streak != 11 || l.Targets[1].Streak != 20 || l.ByVia["m"] != 4 || l.ByStatus[503] != 4 {
			t.Errorf("streaks %d and %d, %v %v", l.Streak, l.Targets[1].Streak, l.ByVia, l.ByStatus)
		}
		if err := l.Check(0, 0.09); err == nil || l.Check(0, 0.1) != nil {
			t.Errorf("4 of 40 are 10%%: %v, %v", err, l.Check(0, 0.1))
		}
		var back Ledger
		data, err := json.Marshal(l)
		if err := errors.Join(err, json.Unmarshal(data, &back)); err != nil {
			t.Fatal(err)
		}
		back.Started, l.Started = time.Time{}, time.Time{}
		for i := range back.Bad {
			back.Bad[i].At, l.Bad[i].At = time.Time{}, time.Time{}
		}
		if diff := cmp.Diff(*l, back, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("JSON loses something: %s", diff)
		}
		mustContain(t, string(data), `"longestGapMs":500`)
	})
}

func TestSilenceUntilTheEndIsAGapToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Series{Rate: 10, For: 2 * time.Second}
		sends(t, s, func(n int) int {
			if n < 5 {
				return 200
			}
			return 0
		})
		l := s.Run(t.Context())
		if l.LongestGap != 1500*time.Millisecond || l.Lost != 15 || l.ByClass[Reset] != 15 {
			t.Errorf("%s %v", l, l.ByClass)
		}
	})
}

func TestAStreakEndsTheSeriesAndCountsFromTheLastBadRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Series{Rate: 10, Streak: 5}
		sends(t, s, func(n int) int {
			if n == 3 { // sent early, answered after four good ones
				time.Sleep(450 * time.Millisecond)
				return 500
			}
			return 200
		})
		l := s.Run(t.Context())
		if l.Wrong != 1 || l.Streak != 5 || l.Sent != 9 {
			t.Errorf("%s, streak %d", l, l.Streak)
		}
	})
}

func TestWhatTheEndOfTheContextCutsOffIsNeitherGoodNorLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 950*time.Millisecond)
		defer cancel()
		s := &Series{Rate: 10}
		sends(t, s, func(int) int { time.Sleep(500 * time.Millisecond); return 200 })
		l := s.Run(ctx)
		if l.Lost != 0 || l.Aborted == 0 || l.Good+l.Aborted != l.Sent || l.Sent != 10 {
			t.Errorf("%s, %d aborted", l, l.Aborted)
		}
	})
}

func TestTheCallerSaysWhatIsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		s := Series{Rate: 10, Count: 2, Targets: []Target{{Name: "a", Host: "shop.test", Dial: inMemory(func(n int, _ *http.Request) (int, string) {
			return 200, []string{"old", ""}[n]
		})}}}
		s.Judge = func(_ Target, a Answer) error {
			if a.Via != "" {
				return errors.New("still through the bridge")
			}
			return nil
		}
		s.On = func(target Target, a Answer, err error) { seen = append(seen, fmt.Sprint(target.Name, a.Status, err)) }
		l := s.Run(t.Context())
		if l.Good != 1 || l.Wrong != 1 || l.Bad[0].Error != "still through the bridge" {
			t.Errorf("%s %v", l, l.Bad)
		}
		if !slices.Equal(seen, []string{"a200 still through the bridge", "a200 <nil>"}) {
			t.Errorf("%q", seen)
		}
	})
}

func TestNothingAskedProvesNothing(t *testing.T) {
	for _, l := range []*Ledger{
		Series{Count: 5}.Run(t.Context()),
		{Sent: 4, Good: 4, Targets: []Tally{{Name: "a", Sent: 4, Good: 4}, {Name: "b"}}},
		{Sent: 2, Aborted: 2},
	} {
		if err := l.Check(0, 0); !errors.Is(err, ErrNoEvidence) {
			t.Errorf("%s: %v", l, err)
		}
	}
	if err := (&Ledger{Sent: 2, Good: 1, Lost: 1}).Check(0, 1); err == nil {
		t.Error("a loss passed")
	}
}
