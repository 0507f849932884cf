package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase"
)

// tape records events, without repetitions of waiting.
type tape struct {
	mu  sync.Mutex
	all []engine.Event
}

func (t *tape) Emit(e engine.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, e)
}

func (t *tape) words() []string {
	var words []string
	for _, e := range t.all {
		w := fmt.Sprintf("%s %s%s %d/%d", e.What, e.Group, "/"+e.Step, e.N, e.Of)
		if len(words) == 0 || words[len(words)-1] != w {
			words = append(words, w)
		}
	}
	return words
}

func TestEverythingWorthTellingIsTold(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		p := &proc{w: b.w}
		ph := one(p.num("a", "a", 1, 3*time.Second), proof("b", func() (phase.State, string) { return phase.Done, "fine" }))
		e, rec := eng(b.j), &tape{}
		e.Sink = rec
		e.Gates = []phase.Step{proof("gate", func() (phase.State, string) { return phase.Done, "yes" })}
		res, err := e.Apply(b.Context(), ph, engine.Options{})
		if err != nil {
			b.Fatal(err)
		}
		want := []string{
			"phase / 0/2", "gate /gate 0/2", "group g/ 0/2",
			"observed g/a 0/2", "begun g/a 0/2", "applied g/a 0/2", "observed g/a 0/2", "waiting g/a 0/2", "observed g/a 0/2", "done g/a 1/2",
			"observed g/b 1/2", "done g/b 2/2",
		}
		if got := rec.words(); !slices.Equal(got, want) {
			b.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if c := (engine.Counts{Done: 2, Applied: 1}); res.Steps != c || !res.Begun || res.Ended.Sub(res.Started) < 3*time.Second {
			b.Errorf("%+v", res)
		}
		rec.all = nil
		res, err = e.Rollback(b.Context(), ph)
		if err != nil {
			b.Fatal(err)
		}
		want = []string{
			"phase / 0/2", "gate /gate 0/2", "group g/ 0/2", "reverted g/b 1/2",
			"reverting g/a 1/2", "observed g/a 1/2", "waiting g/a 1/2", "observed g/a 1/2", "reverted g/a 2/2",
		}
		if got := rec.words(); !slices.Equal(got, want) {
			b.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if c := (engine.Counts{Reverted: 2}); res.Steps != c || !res.Begun {
			b.Errorf("%+v", res)
		}
	})
}

func TestARunThatChangesNothingBeganNothing(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		b.w.v["a"] = 1
		res, err := eng(b.j).Apply(b.Context(), one((&proc{w: b.w}).num("a", "a", 1, 0)), engine.Options{})
		if c := (engine.Counts{Done: 1, Found: 1}); err != nil || res.Begun || res.Steps != c {
			b.Fatalf("%+v %v", res, err)
		}
	})
}

func TestAFailureAndALockAreToldApart(t *testing.T) {
	in(t, "migrate", func(b *bench) {
		e, rec := eng(b.j), &tape{}
		e.Sink, e.Lock = rec, &lease{until: time.Now().Add(-time.Second)}
		res, err := e.Apply(b.Context(), one((&proc{w: b.w}).num("a", "a", 1, 0)), engine.Options{})
		if !errors.Is(err, engine.ErrLock) || res.Begun || res.Steps.Left != 1 {
			b.Fatalf("%+v %v", res, err)
		}
		if last := rec.all[len(rec.all)-1]; last.What != engine.Failed || last.Err == nil {
			b.Fatalf("%+v", last)
		}
	})
}
