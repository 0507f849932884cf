package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/pkg/journal"
)

func open(t *testing.T, s journal.Store) *journal.Log {
	t.Helper()
	l, err := journal.Open(t.Context(), s, "run")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func add(t *testing.T, l *journal.Log, entries ...journal.Entry) {
	t.Helper()
	if err := l.Append(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
}

func entry(what journal.What, step string, facts ...string) journal.Entry {
	e := journal.Entry{Phase: "p", Step: step, What: what, Was: json.RawMessage(`1`), Facts: map[string]json.RawMessage{}}
	for i := 0; i < len(facts); i += 2 {
		e.Facts[facts[i]] = json.RawMessage(facts[i+1])
	}
	return e
}

func TestTheFirstSnapshotOfAGenerationStays(t *testing.T) {
	s := &journal.Memory{}
	l := open(t, s)
	drifted := entry(journal.Begun, "a", "f", "2")
	drifted.Was, drifted.Anew = json.RawMessage(`2`), map[string]json.RawMessage{"g": json.RawMessage(`3`)}
	add(t, l, entry(journal.Begun, "a", "f", "1"), entry(journal.Done, "a"), drifted)
	for name, l := range map[string]*journal.Log{"as written": l, "as read": open(t, s)} {
		r := l.Of("p", "a")
		var f int
		if ok, err := l.Fact("f", &f); !ok || err != nil || f != 1 {
			t.Errorf("%s: fact %d %v %v", name, f, ok, err)
		}
		if ok, err := l.Fact("g", &f); !ok || err != nil || f != 3 {
			t.Errorf("%s: what counts anew is %d %v %v", name, f, ok, err)
		}
		if string(r.Was) != "1" || r.Done || !r.Begun || r.Order != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestRevertedClosesTheGenerationAndItsFacts(t *testing.T) {
	l := open(t, &journal.Memory{})
	add(t, l, entry(journal.Begun, "a", "f", "1"), entry(journal.Done, "a", "f", "2"))
	var f int
	if ok, _ := l.Fact("f", &f); !ok || f != 2 {
		t.Fatal(ok, f)
	}
	add(t, l, entry(journal.Undoing, "a"))
	if r := l.Of("p", "a"); r.Done || !r.Open() {
		t.Fatalf("%+v", r)
	}
	add(t, l, entry(journal.Reverted, "a"))
	if ok, _ := l.Fact("f", &f); ok || l.Of("p", "a").Open() || len(l.Steps("p")) != 0 {
		t.Fatal("still there")
	}
	again := open(t, &journal.Memory{})
	add(t, again, entry(journal.Begun, "a"), entry(journal.Reverted, "a"))
	add(t, again, entry(journal.Begun, "a"))
	all := again.Entries()
	if all[0].Gen != 1 || all[2].Gen != 2 || all[2].Run != "run" || all[2].At.IsZero() {
		t.Fatalf("%+v", all)
	}
}

func TestAPhaseIsFinishedUntilSomethingOfItIsBegunOrTakenBack(t *testing.T) {
	for _, what := range []journal.What{journal.Begun, journal.Undoing, journal.Reverted} {
		l := open(t, &journal.Memory{})
		end := journal.Entry{Phase: "p", What: journal.Finished, Plan: "digest"}
		add(t, l, entry(journal.Begun, "a"), entry(journal.Done, "a"), entry(journal.Done, "b"), end)
		if p := l.Phase("p"); !p.Finished || p.Open != 2 || p.Plan != "digest" || p.At.IsZero() {
			t.Fatalf("%+v", p)
		}
		add(t, l, entry(what, "a"))
		if l.Phase("p").Finished {
			t.Errorf("still finished after %s", what)
		}
	}
}

func TestStepsAreOldestFirst(t *testing.T) {
	l := open(t, &journal.Memory{})
	add(t, l, entry(journal.Begun, "z"), entry(journal.Done, "a"), entry(journal.Begun, "m"), entry(journal.Failed, "never"), entry(journal.Done, "z"))
	if got := l.Steps("p"); !slices.Equal(got, []string{"z", "a", "m"}) {
		t.Fatal(got)
	}
}

func TestASecondWriterIsRefusedAndWritesNoMore(t *testing.T) {
	s := &journal.Memory{}
	first, second := open(t, s), open(t, s)
	add(t, first, entry(journal.Begun, "a"))
	for range 2 {
		if err := second.Append(t.Context(), entry(journal.Begun, "a")); !errors.Is(err, journal.ErrConflict) {
			t.Fatal(err)
		}
	}
	if len(second.Entries()) != 0 {
		t.Fatal("remembers what was not stored")
	}
}

// counting is a store whose first append waits.
type counting struct {
	journal.Memory
	n     int
	first chan struct{}
}

func (c *counting) Append(ctx context.Context, v string, b []journal.Entry) (string, error) {
	if c.n++; c.n == 1 {
		<-c.first
	}
	return c.Memory.Append(ctx, v, b)
}

func TestEntriesThatArriveTogetherTravelTogether(t *testing.T) {
	s := &counting{first: make(chan struct{})}
	l := open(t, s)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := l.Append(t.Context(), entry(journal.Begun, fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	close(s.first)
	wg.Wait()
	if got := len(l.Steps("p")); got != 200 || s.n > 200 {
		t.Fatal(got, s.n)
	}
}

func TestAJournalOfANewerBuildIsNotHalfUnderstood(t *testing.T) {
	s := &journal.Memory{}
	if _, err := s.Append(t.Context(), "0", []journal.Entry{{Phase: "p", Step: "a", What: "paused"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), s, "run"); err == nil || !strings.Contains(err.Error(), "paused") {
		t.Fatal(err)
	}
}

// losing is a store whose answers to some appends are lost: after they were stored, or before.
type losing struct {
	journal.Memory
	after, before bool
}

var errLost = errors.New("the answer was lost")

func (s *losing) Append(ctx context.Context, v string, b []journal.Entry) (string, error) {
	if s.before {
		return "", errLost
	}
	next, err := s.Memory.Append(ctx, v, b)
	if s.after && err == nil {
		return "", errLost
	}
	return next, err
}

func TestAnAppendWhoseAnswerWasLostCountsIfItIsStored(t *testing.T) {
	s := &losing{after: true}
	l := open(t, s)
	add(t, l, entry(journal.Begun, "<a>"))
	add(t, l, entry(journal.Done, "<a>"))
	if !l.Of("p", "<a>").Done || len(open(t, s).Entries()) != 2 {
		t.Fatal(l.Entries())
	}
}

func TestAnAppendThatWasNotStoredEndsTheWritingOfTheRun(t *testing.T) {
	s := &losing{before: true}
	l := open(t, s)
	for range 2 {
		if err := l.Append(t.Context(), entry(journal.Begun, "a")); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		s.before = false // the store is well again, but where the journal is, this run does not know
	}
	if len(l.Entries()) != 0 || len(open(t, s).Entries()) != 0 {
		t.Fatal("remembers what was not stored")
	}
}

// hanging is a store that stopped answering: at once, or after it lost an append.
type hanging struct {
	journal.Memory
	hangs, lost bool
}

func (s *hanging) Append(ctx context.Context, _ string, _ []journal.Entry) (string, error) {
	if !s.lost {
		<-ctx.Done()
	}
	return "", errLost
}

func (s *hanging) Load(ctx context.Context) ([]journal.Entry, string, error) {
	if s.hangs {
		<-ctx.Done()
		return nil, "", ctx.Err()
	}
	return s.Memory.Load(ctx)
}

// A process that was told to end has less than a second left when its context is over.
func TestAnAppendAfterTheEndDoesNotWaitForAStoreThatHangs(t *testing.T) {
	for name, c := range map[string]struct {
		lost bool
		over time.Duration
	}{"over before": {over: 0}, "over while it writes": {over: time.Second}, "over while it looks": {lost: true, over: time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			s := &hanging{lost: c.lost}
			l := open(t, s)
			s.hangs = true
			ctx, cancel := context.WithTimeout(t.Context(), c.over)
			defer cancel()
			begun := time.Now()
			if err := l.Append(ctx, entry(journal.Begun, "a")); !errors.Is(err, errLost) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begun) - c.over; took > 300*time.Millisecond { // synctest's clock, not the machine's
				t.Errorf("%s: it took %s more", name, took)
			}
		})
	}
}

func TestAnAppendOfAnotherRunIsNotTakenForOnesOwn(t *testing.T) {
	s := &losing{}
	mine := open(t, s)
	other, err := journal.Open(t.Context(), s, "another run")
	if err != nil {
		t.Fatal(err)
	}
	add(t, other, entry(journal.Begun, "a")) // the same but for the run and the time
	if err := mine.Append(t.Context(), entry(journal.Begun, "a")); !errors.Is(err, journal.ErrConflict) {
		t.Fatal(err)
	}
}

func TestAnEntryThatCouldNotBeReadAgainIsRefusedAlone(t *testing.T) {
	l := open(t, &journal.Memory{})
	for name, bad := range map[string]journal.Entry{
		"no JSON":         {Phase: "p", Step: "s", What: journal.Begun, Was: json.RawMessage(`{`)},
		"an unknown kind": {Phase: "p", Step: "s", What: "paused"},
	} {
		if err := l.Append(t.Context(), bad); err == nil {
			t.Error(name)
		}
	}
	add(t, l, entry(journal.Begun, "a"))
}
