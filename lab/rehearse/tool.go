// Package rehearse runs the built tool as a CI job runs it: one process per verb, with a clean environment, in the
// lab. It also compares what both clusters hold before and after. It links nothing of the tool: what it sees is what a
// user sees.
package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"time"
)

// stopping is how long the tool has to stop by itself after an interrupt: its own limit is shorter.
const stopping = 20 * time.Second

// Tool is the built tool and where it runs.
type Tool struct {
	Binary string            // absolute path
	Dir    string            // the working folder: relative paths of a plan start here
	Plan   string            // the plan file, as the command line names it
	Net    string            // the network namespace of the lab that it runs in; "": the machine's own
	Homes  string            // where its processes have their homes: world.World.Homes, which the lab looks after; "": the machine's folder
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

// With is the tool with more in its environment.
func (t Tool) With(env map[string]string) Tool {
	more := maps.Clone(t.Env)
	maps.Copy(more, env)
	t.Env = more
	return t
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
