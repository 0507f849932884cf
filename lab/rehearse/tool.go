// Package rehearse runs the built tool as a CI job runs it: one process per verb, with a clean environment, in the
// lab. It also compares what both clusters hold before and after. It links nothing of the tool: what it sees is what a
// user sees.
package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// stopping is how long the tool has to stop by itself after an interrupt: its own limit is shorter.
const stopping = 20 * time.Second

// Tool is the built tool and where it runs.
type Tool struct {
	Binary string            // absolute path
	Dir    string            // the working folder: relative paths of a plan start here
	Plan   string            // the plan file, as the command line names it
	Env    map[string]string // all that it gets besides PATH and an empty HOME; world.World.Environment for the lab
}

// Result is one finished process.
type Result struct {
	Args   []string
	Code   int // exit code; -1: killed by a signal
	Stdout []byte
	Stderr []byte
	Took   time.Duration
}

// Failed returns an error when the process did not end with code 0, with the last lines of what it said.
func (r Result) Failed() error {
	if r.Code == 0 {
		return nil
	}
	return fmt.Errorf("cutover %v ended with exit code %d:\n%s", r.Args, r.Code, tail(r.Stderr, 30))
}

// tail returns the last n lines of b.
func tail(b []byte, n int) []byte {
	lines := bytes.Split(bytes.TrimRight(b, "\n"), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}

// Run starts one process and waits for its end. Its narration goes to told as it comes (nil: only into the Result). When
// ctx ends it is interrupted, as a cancelled CI job is. The error says that it could not be started; how it ended is in
// the Result.
func (t Tool) Run(ctx context.Context, told io.Writer, args ...string) (Result, error) {
	home, err := os.MkdirTemp("", "cutover-home-")
	if err != nil {
		return Result{}, fmt.Errorf("make a home for the tool: %w", err)
	}
	defer os.RemoveAll(home)
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, t.Binary, args...)
	cmd.Dir, cmd.Env = t.Dir, t.environment(home)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if told != nil {
		cmd.Stderr = io.MultiWriter(&stderr, told)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in the terminal is ours to pass on
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopping
	began := time.Now()
	err = cmd.Run()
	r := Result{Args: args, Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Took: time.Since(began)}
	if cmd.ProcessState == nil {
		return r, fmt.Errorf("start %s: %w", t.Binary, err)
	}
	r.Code = cmd.ProcessState.ExitCode()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended && ctx.Err() == nil {
		return r, fmt.Errorf("run %s: %w", t.Binary, err)
	}
	return r, nil
}

func (t Tool) environment(home string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	for _, name := range slices.Sorted(maps.Keys(t.Env)) {
		env = append(env, name+"="+t.Env[name])
	}
	return env
}

// Verb runs one verb on the plan and wants it to end well. What it prints as JSON is the answer.
func (t Tool) Verb(ctx context.Context, told io.Writer, verb string, args ...string) (Result, error) {
	r, err := t.Run(ctx, told, append([]string{verb, "--plan", t.Plan, "--output", "json"}, args...)...)
	if err != nil {
		return r, err
	}
	return r, r.Failed()
}

// Phases returns the names of the plan's phases in the order in which they run.
func (t Tool) Phases(ctx context.Context) ([]string, error) {
	r, err := t.Verb(ctx, nil, "status")
	if err != nil {
		return nil, fmt.Errorf("ask for the phases: %w", err)
	}
	return PhasesIn(r.Stdout)
}

// PhasesIn reads the phases out of what `status --output json` prints.
func PhasesIn(status []byte) ([]string, error) {
	var s struct {
		Phases []struct {
			Name  string `json:"name"`
			Phase string `json:"phase"`
		} `json:"phases"`
	}
	if err := json.Unmarshal(status, &s); err != nil {
		return nil, fmt.Errorf("read the status %q: %w", status, err)
	}
	var names []string
	for _, p := range s.Phases {
		name := p.Name
		if name == "" {
			name = p.Phase
		}
		if name == "" {
			return nil, fmt.Errorf("read the status %q: a phase has no name", status)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("read the status %q: it has no phases", status)
	}
	return names, nil
}

// Steps counts the steps in what `apply --output json` or `rollback --output json` prints: a list or a number named
// "steps", on top or per phase. Zero means that it says nothing about steps.
func Steps(report []byte) int {
	var top struct {
		Steps  json.RawMessage `json:"steps"`
		Phases []struct {
			Steps json.RawMessage `json:"steps"`
		} `json:"phases"`
	}
	if json.Unmarshal(report, &top) != nil {
		return 0
	}
	n := count(top.Steps)
	if n == 0 {
		for _, p := range top.Phases {
			n += count(p.Steps)
		}
	}
	return n
}

func count(raw json.RawMessage) int {
	var list []json.RawMessage
	var n int
	if json.Unmarshal(raw, &list) == nil {
		return len(list)
	}
	if json.Unmarshal(raw, &n) == nil {
		return n
	}
	return 0
}
