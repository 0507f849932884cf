package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/netns"
	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/rehearse"
	lab "cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

// refuses lets the first new member be one that the set must not get, in turn: it is down, it has another key, it is of
// another set. The tool has to say so, and the set has to be what it was.
func (a *application) refuses(t *testing.T) {
	m := mongo.Members(world.New)[0]
	first := a.config(t).Members
	otherKey := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(otherKey, bytes.Repeat([]byte("other"), 20), 0o600); err != nil {
		t.Fatal(err)
	}
	a.endMongod(t, m)
	for _, fault := range []struct {
		set, key string // of the member; none: it is down
		said     string
	}{
		{"", "", m.Host()},
		{world.ReplicaSet, otherKey, "keyFile"},
		{"rs1", mongo.KeyFile(a.world), "set name"},
	} {
		if fault.set != "" {
			a.startMongod(t, m, fault.set, fault.key)
		}
		got := a.verb(t, "apply", "--phase", "join")
		if got.Code == 0 || got.Code == waiting || got.Code == 1 {
			t.Errorf("join ends with exit code %d although %s cannot be a member (%q)", got.Code, m.Host(), fault.said)
		}
		if !strings.Contains(string(got.Stderr), m.Host()) || !strings.Contains(string(got.Stderr), fault.said) {
			t.Errorf("the tool does not say %q of %s:\n%s", fault.said, m.Host(), got.Stderr)
		}
		a.want(t, first)
		if fault.set != "" {
			a.endMongod(t, m)
		}
	}
	a.startMongod(t, m, world.ReplicaSet, mongo.KeyFile(a.world))
}

// cutFor is how long the link is down: the primary does not give up in that time.
const cutFor = 5 * time.Second

// even is in the title of the step into the even split, and of no other.
const even = "a vote and let"

// cutting is a move of the primary, and when the link between the members of both sides is cut in it.
type cutting struct {
	where, verb string
	to          world.Cluster
	when        func() func(rehearse.Line) bool
}

var (
	beforeTheSplit    = cutting{"before the even split", "apply", world.New, func() func(rehearse.Line) bool { return at(even, "doing") }}
	homeInTheSplit    = cutting{"in the even split, on the way back", "rollback", world.Old, func() func(rehearse.Line) bool { return inside(new(bool)) }}
	inTheSplit        = cutting{"in the even split", "apply", world.New, func() func(rehearse.Line) bool { return inside(new(bool)) }}
	homeAfterTheSplit = cutting{"after the even split, on the way back", "rollback", world.Old, func() func(rehearse.Line) bool {
		split := false
		in := inside(&split)
		return func(l rehearse.Line) bool {
			was := split
			return in(l) && was && (l.Word == "done" || l.Word == "undone")
		}
	}}
)

// inside is true from the line on that says that the step into the split was done or undone.
func inside(split *bool) func(rehearse.Line) bool {
	return func(l rehearse.Line) bool {
		*split = *split || (l.Word == "done" || l.Word == "undone") && strings.Contains(l.Title, even)
		return *split
	}
}

// cuts moves the primary so many times, and cuts the link in each. Whatever the tool answers, it gets to the end when it is run again,
// and the set has a primary all the time or again.
func (a *application) cuts(t *testing.T, all ...cutting) {
	for _, c := range all {
		line := verbLine(a.tool, c.verb, "--phase", "stepdown")
		q := a.begin(t, a.tool, nil, c.when(), line...)
		q.reached(t)
		a.severed(t, cutFor)
		got := q.end(t, verbEnd)
		t.Logf("cut %s: exit code %d", c.where, got.Code)
		for tries := 0; got.Code != 0; tries++ {
			if got.Code == 1 || got.Code == misused || tries == 5 {
				t.Fatalf("cut %s: %v", c.where, got.Failed())
			}
			pause(t.Context(), 2*time.Second)
			got = a.begin(t, a.tool, nil, func(rehearse.Line) bool { return false }, line...).end(t, verbEnd)
			t.Logf("cut %s: run again, exit code %d", c.where, got.Code)
		}
		a.primaryIn(t, c.to)
	}
}

// severed cuts the link between the members of both clusters for a while.
func (a *application) severed(t *testing.T, d time.Duration) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if err := netns.Cut(ctx, world.Old.Net(), world.New.Net(), world.MongodPort); err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), d)
	if err := netns.Mend(ctx); err != nil {
		t.Fatal(err)
	}
}

// ended kills one of the lab's daemons and waits until it is gone.
func ended(t *testing.T, w world.World, name string) {
	t.Helper()
	p, err := lab.Find(w, name)
	if err == nil {
		err = syscall.Kill(p.PID, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatalf("kill %s: %v", name, err)
	}
	for end := time.Now().Add(hang); proc.Alive(p.PID, p.Start); pause(t.Context(), 20*time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s goes on after it was killed", name)
		}
	}
}
