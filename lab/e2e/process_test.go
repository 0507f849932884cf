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

// hang is how long a process may take to stop before it is called hung. The tool promises seven seconds; this is no
// measurement of them.
const hang = 20 * time.Second

// running is a process of the tool that the test goes on beside.
type running struct {
	process *rehearse.Process
	came    chan struct{} // closed at the line that was waited for
	over    chan struct{} // closed at its end; got and err are there then
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
		if <-started; signal != nil {
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

// stops waits for the line, and then for the end of the process that got a signal there.
func (q *running) stops(t *testing.T) rehearse.Result {
	t.Helper()
	q.reached(t)
	return q.end(t, hang)
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
