// Package bench measures what is ours: it compares phases with the barest program that does the same, side by side in
// one run, against two real API servers without controllers. Only the steps are measured; gates and proofs are off.
//
// Every measured part is a process of its own, so that its memory is its own too. `make bench` runs it and writes
// out/bench/report.json; a plain `go test` only sees that a missed target is told.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// task is what a child process is to do; it comes to it in the environment.
type task struct {
	Job      string
	Old, New string // kubeconfigs
	Scope    scope
	Wave     int // which of them
	Zone     nameServers
	Program  program
}

// took is what the child says of it.
type took struct {
	Seconds float64 `json:"seconds"` // of the part that counts
	CPU     float64 `json:"cpu"`     // seconds, of the child and both servers, in that part
	Count   int     `json:"count"`   // of what it worked on: a job that did nothing is not fast
	MiB     float64 `json:"mib"`     // peak resident memory of what was measured, as the kernel says
}

const variable = "CUTOVER_BENCH_TASK"

// jobs are what can be measured.
var jobs = map[string]func(context.Context, task) (took, error){
	"apply": floorApply, "routes": routesApply,
	"list": floorList, "plan": routesPlan, "verify": routesVerify,
	"waves": wavesPlan, "wave": waveApply,
	"program": programRuns,
	"names":   namesSwap, "bare names": floorNames(lines), "serial names": floorNames(1), "every answer": floorEvery,
}

func TestMain(m *testing.M) {
	text, child := os.LookupEnv(variable)
	if !child {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := work(ctx, text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func work(ctx context.Context, text string) error {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return fmt.Errorf("read the task: %w", err)
	}
	done, err := profiled(t.Job)
	if err != nil {
		return err
	}
	defer done()
	result, err := jobs[t.Job](ctx, t)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Job, err)
	}
	if result.MiB == 0 {
		if result.MiB, err = highest(); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// run does a job in a child process.
func run(b *testing.B, t task) took {
	b.Helper()
	text, err := json.Marshal(t)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v", t.Job, err)
	}
	var result took
	if err := json.Unmarshal(out, &result); err != nil || result.Count == 0 {
		b.Fatalf("%s did nothing, or did not say what: %s (%v)", t.Job, out, err)
	}
	return result
}

// highest is the largest resident memory that this process had, in MiB. What wait4 says of it is no less than what its parent
// had when it started it: Linux counts that in, up to the exec.
func highest() (float64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("read the most that was resident: %w", err)
	}
	return kib / 1024, nil
}

// peak is the largest resident memory that a process had, in MiB, its parent's at its start included.
func peak(cmd *exec.Cmd) float64 {
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return float64(usage.Maxrss) / 1024 // Linux counts in KiB
}
