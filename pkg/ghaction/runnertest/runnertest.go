// Package runnertest is the runner of GitHub Actions as far as a container action can tell: it makes a step's environment out of
// action.yml, reads what the step wrote and printed, cancels it, and runs its post step. It is as unkind as the runner is: lines that
// end at a carriage return, both generations of commands, comparisons that overlook invisible characters, masks without a
// shortest length, outputs and summaries that are dropped. What it does was read in actions/runner at 258d6c8. It is for tests only.
package runnertest

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Step is a step of a job: the environment that the runner gives it, with its files, and the log of what it printed.
type Step struct {
	Env map[string]string
	Dir string // the workspace, in which a process of the step starts; "" = where the test is

	t     testing.TB
	masks *masks // of the job
	log   *log
}

// NewStep makes the only step of a job, with its files in a folder of its own.
func NewStep(t testing.TB) *Step {
	t.Helper()
	return newStep(t, map[string]string{"GITHUB_ACTIONS": "true", "CI": "true"}, &masks{})
}

func newStep(t testing.TB, env map[string]string, m *masks) *Step {
	t.Helper()
	s := &Step{t: t, Env: env, masks: m, log: &log{masks: m, debug: env["RUNNER_DEBUG"] == "1"}}
	dir := t.TempDir()
	for _, n := range []string{"GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "GITHUB_ENV"} {
		s.Env[n] = filepath.Join(dir, strings.ToLower(n))
		if err := os.WriteFile(s.Env[n], nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Set adds variables to the step, as `env:` does: name, value, name, value.
func (s *Step) Set(pairs ...string) *Step {
	for i := 0; i+1 < len(pairs); i += 2 {
		s.Env[pairs[i]] = pairs[i+1]
	}
	return s
}

// Secret makes values what GitHub hides from the start, as it does secrets, the token of the job among them.
func (s *Step) Secret(values ...string) *Step {
	for _, v := range values {
		s.masks.add(v)
	}
	return s
}

// Getenv is os.Getenv of the step.
func (s *Step) Getenv(name string) string { return s.Env[name] }

// Do runs something as the step, in this process, and returns its exit code.
func (s *Step) Do(do func(getenv func(string) string, stdout, stderr io.Writer) int) int {
	stdout, stderr := &pipe{to: s.log.line}, &pipe{to: s.log.line}
	defer stderr.end()
	defer stdout.end()
	return do(s.Getenv, stdout, stderr)
}

// Post is the post step of the same action: the same inputs, what the step saved as STATE_ variables, and files and a log of its
// own. The runner runs it whatever became of the step, also after a cancellation.
func (s *Step) Post() *Step {
	s.t.Helper()
	env := maps.Clone(s.Env)
	for name, value := range s.State() {
		env["STATE_"+name] = value
	}
	p := newStep(s.t, env, s.masks)
	p.Dir = s.Dir
	return p
}

// Outputs are the outputs of the step for the steps after it; it fails the test where the runner would fail the step.
func (s *Step) Outputs() map[string]string {
	s.t.Helper()
	out := s.parse("GITHUB_OUTPUT")
	maps.Copy(out, s.log.outputs)
	return out
}

// JobOutputs is what of the outputs a later job gets, and the warnings about those that it does not.
func (s *Step) JobOutputs() (outputs map[string]string, warnings []string) {
	s.t.Helper()
	outputs = s.Outputs()
	for name, value := range outputs {
		if s.masks.hide(value) != value {
			delete(outputs, name)
			warnings = append(warnings, "Skip output '"+name+"' since it may contain secret.")
		}
	}
	return outputs, warnings
}

// State is what the post-entrypoint finds as STATE_ variables.
func (s *Step) State() map[string]string {
	s.t.Helper()
	state := s.parse("GITHUB_STATE")
	maps.Copy(state, s.log.state)
	return state
}

// maxSummary is from which size on a summary is dropped whole, in bytes.
const maxSummary = 1 << 20

// Summary is what people see: masked, and nothing when it is too large.
func (s *Step) Summary() string {
	s.t.Helper()
	text := s.read("GITHUB_STEP_SUMMARY")
	if len(text) > maxSummary {
		return ""
	}
	var shown strings.Builder
	for _, line := range Lines(text) {
		shown.WriteString(s.masks.hide(line) + "\n")
	}
	return shown.String()
}

// Annotations are those that GitHub keeps, the one about a summary that is too large among them.
func (s *Step) Annotations() []Annotation {
	s.t.Helper()
	kept := s.log.annotations()
	if size := len(s.read("GITHUB_STEP_SUMMARY")); size > maxSummary {
		kept = annotate(kept, tooLarge(size))
	}
	return kept
}

// Refused says that the runner fails the step for a command of it, whatever its exit code.
func (s *Step) Refused() bool {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.failed
}

// Commands are those that the runner obeyed, in order.
func (s *Step) Commands() []Command {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return append([]Command{}, s.log.obeyed...)
}

// Log is the log as people see it.
func (s *Step) Log() string { return s.log.text(&s.log.shown) }

// Printed is what the step printed and the runner took for no command, before it hid anything: where a secret must not be, whoever
// hides it.
func (s *Step) Printed() string { return s.log.text(&s.log.printed) }

func (s *Step) parse(name string) map[string]string {
	s.t.Helper()
	out, err := ParseFile(s.read(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *Step) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(s.Env[name])
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}
