// Package ghaction is the contract with the runner of GitHub Actions: inputs, masks, outputs, summary, groups,
// annotations, state. It knows nothing of phases and plans, and it is the only importer of go-githubactions, whose gaps it
// closes: that library panics where a file cannot be written, uses one fixed heredoc delimiter, and lets any text on
// stdout be a command.
//
// In a container action stdout and stderr are two pipes of which the runner promises no order. All text that is not a
// command of ours must therefore go through Foreign(nil).
package ghaction

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/sethvargo/go-githubactions"
)

// The limits of the runner.
const (
	MaxSummary    = 1 << 20 // bytes per step; a larger one is dropped whole
	maxOutputs    = 1 << 20 // bytes per job, in UTF-16
	maxAnnotation = 4096    // characters of a message
	perLevel      = 10      // annotations of each level per step
	minMask       = 8       // a shorter one would blank out half of the log
)

// ErrNoRunner says that the runner's file for what was written is not there: this is no step of GitHub Actions.
var ErrNoRunner = errors.New("no runner")

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// Runner speaks to the runner. Its methods may be called from several goroutines.
type Runner struct {
	getenv func(string) string
	stdout io.Writer
	action *githubactions.Action

	mu        sync.Mutex
	token     string // set while commands are stopped
	masks     []string
	outputs   int            // UTF-16 bytes written so far
	annotated map[string]int // by level
	summary   int64          // size of the summary file before our first write; -1 until then
}

// New returns a Runner that reads its environment by getenv and issues commands on stdout.
func New(getenv func(string) string, stdout io.Writer) *Runner {
	r := &Runner{getenv: getenv, stdout: stdout, annotated: map[string]int{}, summary: -1}
	r.action = githubactions.New(githubactions.WithWriter(stdout), githubactions.WithGetenv(getenv))
	return r
}

// guard turns a panic of the library into an error. It panics on every failed write, and a migration does not end
// because a summary could not be written.
func guard(what string, f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("%s: %w", what, p)
		default:
			err = fmt.Errorf("%s: %v", what, p)
		}
	}()
	f()
	return nil
}

// command issues one command on stdout; commands are obeyed again from here on. The caller holds mu.
func (r *Runner) command(name, message string, props map[string]string) error {
	return guard("issue "+name, func() {
		r.resume()
		r.action.IssueCommand(&githubactions.Command{Name: name, Message: message, Properties: props})
	})
}

// stop makes the runner ignore commands until resume. The token is new each time, for the log shows it.
func (r *Runner) stop() {
	if r.token == "" {
		r.token = rand.Text()
		r.action.IssueCommand(&githubactions.Command{Name: "stop-commands", Message: r.token})
	}
}

func (r *Runner) resume() {
	if r.token != "" {
		token := r.token
		r.token = ""
		r.action.IssueCommand(&githubactions.Command{Name: token})
	}
}

// Mask hides values in the log from here on, each line of each on its own, for the log has lines. What has fewer than
// eight characters is not hidden: that would hide too much else, and tell what it is by its gaps.
func (r *Runner) Mask(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range values {
		for line := range strings.FieldsFuncSeq(v, func(c rune) bool { return c == '\n' || c == '\r' }) {
			line = strings.TrimSpace(line)
			if len(line) < minMask || slices.Contains(r.masks, line) {
				continue
			}
			r.masks = append(r.masks, line)
			_ = r.command("add-mask", line, nil) // without stdout there is nothing to hide it in
		}
	}
}

// Output sets an output of the step; a later value replaces it. It refuses what the runner would drop without a word: a
// value that contains a mask, or more than a job may set.
func (r *Runner) Output(key, value string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.masks {
		if strings.Contains(value, m) {
			return fmt.Errorf("set output %q: its value contains a secret", key)
		}
	}
	size := 2 * len(utf16.Encode([]rune(key+value)))
	if r.outputs+size > maxOutputs {
		return fmt.Errorf("set output %q: with its %d bytes the outputs are beyond %d", key, size, maxOutputs)
	}
	if err := r.file("output", key, value); err != nil {
		return err
	}
	r.outputs += size
	return nil
}

// SaveState keeps a value for the post-entrypoint of the same step.
func (r *Runner) SaveState(key, value string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file("state", key, value)
}

// State returns what SaveState kept, "" where there is nothing.
func (r *Runner) State(key string) string { return r.getenv("STATE_" + key) }

// file appends one key and value to a file command. Names and values come from clusters and plans: the delimiter is
// random, so that no value can end itself and go on as another output.
func (r *Runner) file(kind, key, value string) error {
	what := fmt.Sprintf("set %s %q", kind, key)
	if !name.MatchString(key) {
		return fmt.Errorf("%s: not a name", what)
	}
	if r.getenv("GITHUB_"+strings.ToUpper(kind)) == "" {
		return fmt.Errorf("%s: %w: GITHUB_%s is not set", what, ErrNoRunner, strings.ToUpper(kind))
	}
	end := rand.Text()
	if strings.Contains(value, end) {
		return fmt.Errorf("%s: its value contains the delimiter", what)
	}
	return guard(what, func() {
		r.action.IssueFileCommand(&githubactions.Command{Name: kind, Message: key + "<<" + end + "\n" + value + "\n" + end})
	})
}

// Summary sets the summary of the step, in Markdown. It replaces what this process wrote before: the one at the start is
// there for the case that there is no second.
func (r *Runner) Summary(md string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	path := r.getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return fmt.Errorf("write summary: %w: GITHUB_STEP_SUMMARY is not set", ErrNoRunner)
	}
	if r.summary < 0 {
		r.summary = 0
		if info, err := os.Stat(path); err == nil {
			r.summary = info.Size()
		}
	}
	if size := r.summary + int64(len(md)) + 1; size > MaxSummary {
		return fmt.Errorf("write summary: %d bytes, the runner takes %d", size, MaxSummary)
	}
	if err := os.Truncate(path, r.summary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write summary: %w", err)
	}
	return guard("write summary", func() { r.action.AddStepSummary(md) })
}
