package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/lab/rehearse"
)

const (
	hang = 20 * time.Second // how long a process may take to stop before it is called hung
	stop = 7 * time.Second  // what the tool promises, from a signal to its end
)

// running is a process of the tool that the test goes on beside.
type running struct {
	process *rehearse.Process
	came    chan struct{} // closed at the line that was waited for
	struck  time.Time     // when that was, just before the signal
	over    chan struct{} // closed at its end; ended, got and err are there then
	ended   time.Time
	got     rehearse.Result
	err     error
}

// begin starts a process. when is asked about every line of its narration; at its first yes the process gets the signal
// (nil: none) in that very instant.
func (r *rig) begin(t *testing.T, tool rehearse.Tool, signal os.Signal, when func(rehearse.Line) bool, line ...string) *running {
	t.Helper()
	r.verbs++
	log := r.file(t, fmt.Sprintf("%03d-%s.log", r.verbs, line[0]))
	ctx, cancel := context.WithTimeout(t.Context(), verbEnd)
	q := &running{came: make(chan struct{}), over: make(chan struct{})}
	started, struck := make(chan struct{}), false
	hear := rehearse.Listen(func(l rehearse.Line) {
		if !when(l) || struck {
			return
		}
		struck = true
		<-started
		if q.struck = time.Now(); signal != nil {
			if err := q.process.Signal(signal); err != nil {
				t.Error(err)
			}
		}
		close(q.came)
	})
	var err error
	if q.process, err = tool.Start(ctx, hear, line...); err != nil {
		cancel()
		t.Fatal(err)
	}
	close(started)
	go func() {
		defer close(q.over)
		defer cancel()
		q.got, q.err = q.process.Wait()
		q.ended = time.Now()
		fmt.Fprintf(log, "$ cutover %s\n%s%s\nexit code %d after %.1f s\n", strings.Join(line, " "), q.got.Stderr, q.got.Stdout, q.got.Code, q.got.Took.Seconds())
	}()
	t.Cleanup(func() { // whatever fails: no process is left behind, not even one that was stopped
		select {
		case <-q.over:
		default:
			_ = q.process.Signal(syscall.SIGKILL)
			<-q.over
		}
	})
	return q
}

// reached waits for the line.
func (q *running) reached(t *testing.T) {
	t.Helper()
	select {
	case <-q.came:
	case <-q.over:
		select {
		case <-q.came: // it has ended because of it
		default:
			t.Fatalf("the tool ended with exit code %d before it came to where it was wanted:\n%s%s", q.got.Code, q.got.Stdout, q.got.Stderr)
		}
	}
}

// end waits for the end of the process, which has limit for it.
func (q *running) end(t *testing.T, limit time.Duration) rehearse.Result {
	t.Helper()
	select {
	case <-q.over:
	case <-time.After(limit):
		t.Fatalf("the tool did not end within %s", limit)
	}
	if q.err != nil {
		t.Fatal(q.err)
	}
	return q.got
}

// stops waits for the line, and then for the end of the process that got a signal there. It has to come as soon as is
// promised, all that the process writes at its end included.
func (r *rig) stops(t *testing.T, q *running) rehearse.Result {
	t.Helper()
	q.reached(t)
	got, took := q.end(t, hang), q.ended.Sub(q.struck)
	t.Logf("%.1f s from the signal to the end of the process", took.Seconds())
	if no := tardy(took, r.load.Counters().Inconclusive); no != "" {
		t.Error(no)
	}
	return got
}

// tardy says what is wrong with the time that a process took to stop.
func tardy(took time.Duration, overloaded bool) string {
	switch {
	case took <= stop:
		return ""
	case overloaded:
		return fmt.Sprintf("INCONCLUSIVE, the machine is overloaded (the load was late): free it and run again; the process took %s to stop", took)
	}
	return fmt.Sprintf("the process took %s to stop, and %s are promised", took, stop)
}

func TestAProcessThatStopsTooLateIsTold(t *testing.T) {
	for _, c := range []struct {
		took       time.Duration
		overloaded bool
		want       string
	}{{stop, false, ""}, {stop, true, ""}, {stop + 1, false, "the process took"}, {stop + 1, true, "INCONCLUSIVE"}} {
		if got := tardy(c.took, c.overloaded); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("after %s, overloaded %v: %q, want %q", c.took, c.overloaded, got, c.want)
		}
	}
}

// at is a line with one of these words whose title has that text in it.
func at(title string, words ...string) func(rehearse.Line) bool {
	return func(l rehearse.Line) bool {
		for _, w := range words {
			if l.Word == w && strings.Contains(l.Title, title) {
				return true
			}
		}
		return false
	}
}

// verbLine is the command line of one verb on the plan.
func verbLine(tool rehearse.Tool, verb string, args ...string) []string {
	return append([]string{verb, "--plan", tool.Plan}, args...)
}
