package path

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// goal is m old voters and n new members, all alike.
func goal(m, n int) Goal {
	g := Goal{Set: "rs0", First: Config{Version: 1, Term: 1}}
	for i := range m {
		g.First.Members = append(g.First.Members, Member{ID: i, Host: fmt.Sprintf("o%d:27017", i+1), Votes: 1, Priority: 1})
	}
	for i := range n {
		g.New = append(g.New, fmt.Sprintf("n%d:27017", i+1))
	}
	return g
}

// joined is the set of g once all new members are in it.
func joined(t *testing.T, g Goal, primary string) Live {
	t.Helper()
	l := Live{Config: g.First.clone(), Primary: primary}
	for _, h := range g.New {
		m, err := Join(l.Config, h, primary, 0)
		if err != nil || m.Do != Reconfig {
			t.Fatalf("join %s: %v %v", h, m, err)
		}
		l.Config = m.After
	}
	return l
}

func ways(t *testing.T, g Goal) (ahead, back *Way) {
	t.Helper()
	ahead, err1 := Ahead(g)
	back, err2 := Back(g)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return ahead, back
}

// next makes one move; a step-down is won by win.
func next(t *testing.T, w *Way, l Live, win string) (Live, Move) {
	t.Helper()
	m, err := w.Next(l)
	if err != nil {
		t.Fatalf("next of %v: %v", l, err)
	}
	switch m.Do {
	case Reconfig:
		l.Config = m.After
	case StepDown:
		l.Primary, l.Term = win, l.Term+1
	}
	return l, m
}

func TestThreeAndThreeGoThePathOfTheReference(t *testing.T) {
	ahead, back := ways(t, goal(3, 3))
	for w, want := range map[*Way][]string{
		ahead: {
			"B replset:rs0/3+0/joined old old",
			"B1 replset:rs0/3+0 old old",
			"B2.1 replset:rs0/3+1 old, all its voters needed old",
			"B2.2 replset:rs0/3+2 old, all its voters needed old",
			"B5 replset:rs0/3+3 nobody any",
			"B6 replset:rs0/2+3 new, all its voters needed new",
			"B7 replset:rs0/2+3/primary new, all its voters needed any",
			"B9 replset:rs0/2+3/settled new, all its voters needed new",
			"B10.1 replset:rs0/1+3 new, all its voters needed new",
			"B11 replset:rs0/0+3 new new",
			"B12 replset:rs0/0+3/hidden new new",
		},
		back: {
			"R replset:rs0/back/0+3/joined new new",
			"R1 replset:rs0/back/0+3 new new",
			"R2.1 replset:rs0/back/1+3 new, all its voters needed new",
			"R2.2 replset:rs0/back/2+3 new, all its voters needed new",
			"R5 replset:rs0/back/3+3 nobody any",
			"R6 replset:rs0/back/3+2 old, all its voters needed old",
			"R7 replset:rs0/back/3+2/primary old, all its voters needed any",
			"R9 replset:rs0/back/3+2/settled old, all its voters needed old",
			"R10.1 replset:rs0/back/3+1 old, all its voters needed old",
			"R11 replset:rs0/back/3+0 old old",
			"R12 replset:rs0/back/3+0/first old old",
		},
	} {
		var got []string
		for _, p := range w.Positions() {
			got = append(got, fmt.Sprint(p.Name, " ", p.ID, " ", p.Cut, " ", p.Dies))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%q\nwant\n%q", got, want)
		}
	}
}

func TestTheWayAheadAndBackEndsAtTheFirstConfiguration(t *testing.T) {
	g := goal(3, 3)
	ahead, back := ways(t, g)
	l := joined(t, g, "o1:27017")
	for _, way := range []struct {
		w   *Way
		win string
	}{{ahead, "n2:27017"}, {back, "o3:27017"}} {
		for at := 0; ; at++ {
			if got, err := way.w.At(l); err != nil || got != at {
				t.Fatalf("at %d, %v: want %d", got, err, at)
			}
			var m Move
			if l, m = next(t, way.w, l, way.win); m.Do == Stay {
				break
			}
			if m.Reaches != at+1 {
				t.Fatalf("from %d to %d", at, m.Reaches)
			}
		}
	}
	for _, h := range g.New {
		m, err := Leave(l.Config, h, l.Primary)
		if err != nil {
			t.Fatal(err)
		}
		l.Config = m.After
	}
	if !slices.Equal(l.Members, g.First.Members) {
		t.Errorf("ends at %v", l.Config)
	}
}
