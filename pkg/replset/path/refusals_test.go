package path

import (
	"errors"
	"strings"
	"testing"
)

func TestAGoalWithoutAPathIsRefusedWithEveryReason(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Goal)
		says   []string
	}{
		"arbiter":   {func(g *Goal) { g.First.Members[2] = Member{ID: 2, Host: "o3:27017", Votes: 1, Arbiter: true} }, []string{"o3:27017 is an arbiter"}},
		"twice":     {func(g *Goal) { g.New = []string{"o1:27017", "n1:27017", "n1:27017"} }, []string{`"o1:27017" is`, `"n1:27017" is`}},
		"nobody":    {func(g *Goal) { g.New, g.Set = nil, "" }, []string{"0 new members", "has no name"}},
		"too many":  {func(g *Goal) { *g = goal(3, 8) }, []string{"8 new members"}},
		"no leader": {func(g *Goal) { *g = goal(1, 1); g.First.Members[0].Priority = 0 }, []string{"no old member can be primary"}},
		"nine":      {func(g *Goal) { *g = goal(9, 1) }, []string{"9 old members vote"}},
	} {
		g := goal(3, 3)
		c.change(&g)
		_, err := Ahead(g)
		for _, want := range c.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
}

func TestWhatIsNotOnThePathIsLeftToAPerson(t *testing.T) {
	g := goal(3, 3)
	ahead, back := ways(t, g)
	for name, c := range map[string]struct {
		change func(*Live)
		want   error
		says   string
	}{
		"a stranger":          {func(l *Live) { l.Members = append(l.Members, Member{ID: 99, Host: "x:27017"}) }, ErrOffPath, "x:27017 is neither"},
		"one is gone":         {func(l *Live) { l.Members = l.Members[:5] }, ErrOffPath, "n3:27017 is not in the set"},
		"a vote is gone":      {func(l *Live) { l.Members[1].Votes = 0 }, ErrOffPath, "2 old and 0 new members vote"},
		"no primary":          {func(l *Live) { l.Primary = "" }, ErrNoPrimary, "replset:rs0/"},
		"an unknown primary":  {func(l *Live) { l.Primary = "x:27017" }, ErrOffPath, "x:27017"},
		"an arbiter by now":   {func(l *Live) { l.Members[2].Arbiter = true }, ErrOffPath, "became an arbiter"},
		"a primary without 1": {func(l *Live) { l.Members[0].Priority = 0 }, ErrUnsafe, "could not be primary"},
	} {
		l := joined(t, g, "o1:27017")
		c.change(&l)
		if _, err := ahead.Next(l); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	g.First.Members[2].Votes, g.First.Members[2].Priority = 0, 0
	ahead, _ = ways(t, g)
	l := joined(t, g, "o1:27017")
	l.Members[2].Votes = 1
	if _, err := ahead.At(l); !errors.Is(err, ErrOffPath) || !strings.Contains(err.Error(), "o3:27017 votes, which it did not") {
		t.Error(err)
	}
	l = joined(t, goal(3, 3), "o1:27017")
	if m, err := back.Next(l); err != nil || m.Do != Stay {
		t.Errorf("back where nothing was done: %v, %v", m, err)
	}
}

func TestMembersComeAndGoWithoutVotesAndNeverWithAnOldNumber(t *testing.T) {
	l := joined(t, goal(3, 1), "o1:27017")
	m, err := Join(l.Config, "n2:27017", l.Primary, 41)
	if err != nil || m.Do != Reconfig || len(m.Changes) != 1 || m.Changes[0].Is != (Member{ID: 42, Host: "n2:27017", Hidden: true}) || m.After.Version != l.Version+1 {
		t.Errorf("join: %+v, %v", m, err)
	}
	if again, err := Join(m.After, "n2:27017", l.Primary, 41); err != nil || again.Do != Stay {
		t.Errorf("join again: %+v, %v", again, err)
	}
	if _, err := Join(l.Config, "n3:27017", "", 0); !errors.Is(err, ErrNoPrimary) {
		t.Errorf("join without a primary: %v", err)
	}
	if _, err := Leave(l.Config, "o2:27017", l.Primary); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a voter leaves: %v", err)
	}
	if m, err := Leave(l.Config, "x:27017", l.Primary); err != nil || m.Do != Stay {
		t.Errorf("who is not there leaves: %+v, %v", m, err)
	}
}

func TestSafeNamesEveryMistake(t *testing.T) {
	before := joined(t, goal(5, 3), "o1:27017").Config
	after := before.clone()
	for i := range after.Members {
		after.Members[i].Votes = 1
	}
	after.Members[0].Priority = 0
	after.Members[1].ID = 2
	after.Members[7].Priority, after.Members[7].Hidden = 1, true
	err := Safe(before, after, "o1:27017")
	if !errors.Is(err, ErrUnsafe) {
		t.Fatal(err)
	}
	for _, want := range []string{"8 members would vote", "3 votes would change", "could not be primary", "version 4 follows 4", "is there twice", "another _id", "has a priority, but no vote or is hidden"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestUnequalPrioritiesAreRestoredByAStepDownUnlessTheHighestIsDown(t *testing.T) {
	g := goal(3, 3)
	g.First.Members[1].Priority = 5
	ahead, back := ways(t, g)
	for _, down := range []bool{false, true} {
		l := joined(t, g, "o2:27017")
		for {
			var m Move
			if l, m = next(t, ahead, l, "n1:27017"); m.Do == Stay {
				break
			}
		}
		if down {
			l.Down = []string{"o2:27017"}
		}
		steps := 0
		for {
			win := "o1:27017"
			if steps > 0 {
				win = "o2:27017"
			}
			var m Move
			if l, m = next(t, back, l, win); m.Do == Stay {
				break
			} else if m.Do == StepDown {
				steps++
			}
		}
		if want := map[bool]int{false: 2, true: 1}[down]; steps != want {
			t.Errorf("the highest is down: %t; %d step-downs, want %d", down, steps, want)
		}
		for i, was := range g.First.Members {
			if l.Members[i] != was {
				t.Errorf("%v, was %v", l.Members[i], was)
			}
		}
	}
}
