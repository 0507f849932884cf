package e2e

import (
	"bytes"
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/rehearse"
	lab "cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

// What takes a minute each: longer than a primary needs to give up, and than the tool waits.
const (
	parted  = time.Minute
	handing = "move the primary to"
	begun   = 4 // the tool's exit code for: failed after something was begun
)

func TestAReplicaSetOutlivesAPrimaryThatHangsAndAMinuteWithoutALink(t *testing.T) {
	lengthy(t)
	wanted(t)
	a := startApplication(t, "mongo-long")
	r, w := a.rig, a.writes
	part := func(name string, f func(*testing.T)) {
		t.Helper()
		r.part(t, name, func(t *testing.T, _ *rig) {
			f(t)
			// Without a primary for longer than a driver waits for one, who retries fails too. What was acknowledged has to be seen.
			if c := w.Counters(); c.Unseen > 0 {
				t.Errorf("%d reads missed an acknowledged write: %+v", c.Unseen, c)
			}
		})
	}
	part("it is the primary's turn", func(t *testing.T) {
		for _, phase := range []string{"join", "proxy", "routes", "migrate/first"} {
			r.well(t, "apply", "--phase", phase)
		}
	})
	part("the primary hangs as it steps down", a.hung)
	part("a minute without a link in the even split, on the way back", func(t *testing.T) {
		inside := at(even, "done", "undone")
		a.minute(t, world.Old, stuck, inside, verbLine(a.tool, "rollback", "--phase", "stepdown"))
	})
	part("a minute without a link as the primary is to move", func(t *testing.T) {
		a.minute(t, world.New, begun, at(handing, "doing"), verbLine(a.tool, "apply", "--phase", "stepdown"))
	})
	part("no acknowledged write is lost", a.end)
}

// never is the line that no test waits for.
func never(rehearse.Line) bool { return false }

// hung stops the primary as soon as it was told to step down, until another one takes writes.
func (a *application) hung(t *testing.T) {
	primary, err := mongo.Primary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := a.begin(t, a.tool, nil, at(handing, "doing"), verbLine(a.tool, "apply", "--phase", "stepdown")...)
	q.reached(t)
	p, err := lab.Find(a.world, primary.Name)
	if err != nil {
		t.Fatal(err)
	}
	told := a.toldToStepDown(t, primary)
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(p.PID, s); err != nil {
			t.Errorf("%s to %s: %v", s, primary.Name, err)
		}
	}
	defer signal(syscall.SIGCONT)
	signal(syscall.SIGSTOP)
	began := time.Now()
	a.primaryIn(t, world.New)
	t.Logf("%s was stopped %v; a member of new took writes %.1f s later", primary.Host(), told, time.Since(began).Seconds())
	signal(syscall.SIGCONT)
	if got := q.end(t, verbEnd); got.Code != 0 {
		t.Errorf("the tool did not arrive: %v", got.Failed())
	}
	a.primaryIn(t, world.New)
}

// toldToStepDown waits until a member's log has it that it was told to, and says how that was seen. The tool measures for some
// seconds before.
func (a *application) toldToStepDown(t *testing.T, m mongo.Member) string {
	t.Helper()
	f, err := os.Open(a.world.Log(m.Name))
	if err == nil {
		_, err = f.Seek(0, 2)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var said bytes.Buffer
	for end := time.Now().Add(settled); time.Now().Before(end); pause(t.Context(), time.Millisecond) {
		if _, err := said.ReadFrom(f); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(said.String(), "Attempting to step down") {
			return "in replSetStepDown"
		}
	}
	t.Fatalf("%s was not told to step down within %s", m.Host(), settled)
	return ""
}

// minute cuts the link at a line of the narration, for longer than the tool tries. It has to end with that exit code, the set
// has to have a primary again once the link is back, and the tool, run again, has to arrive.
func (a *application) minute(t *testing.T, to world.Cluster, code int, when func(rehearse.Line) bool, line []string) {
	q := a.begin(t, a.tool, nil, when, line...)
	q.reached(t)
	a.severed(t, parted)
	a.until(t, "the set has a primary", settled, func() error { _, err := mongo.Primary(context.WithoutCancel(t.Context())); return err })
	got := q.end(t, verbEnd)
	if got.Code != code {
		t.Errorf("exit code %d, want %d:\n%s", got.Code, code, got.Stderr)
	}
	tail := got.Stderr[max(0, len(got.Stderr)-1500):]
	t.Logf("exit code %d after %.1f s; it says at the end:\n%s", got.Code, got.Took.Seconds(), tail)
	for tries := 1; ; tries++ {
		if got = a.begin(t, a.tool, nil, never, line...).end(t, verbEnd); got.Code == 0 {
			break
		}
		if tries == 3 {
			t.Fatalf("run again: %v", got.Failed())
		}
		t.Logf("run again: %v", got.Failed())
	}
	a.primaryIn(t, to)
}
