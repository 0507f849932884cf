// Package cli is the command line: verbs, flags, exit codes, and the one place where the parts of the program are wired
// together. It prints and it exits; it decides nothing about a migration, and it is the only package that does so much
// as know all the others. stdout is the result, stderr the narration.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/plan"
)

// verb is one row of the table of verbs.
type verb struct {
	Name  string
	Short string   // one line
	Args  string   // positional arguments, for the usage line
	Flags []string // names in the table of flags
	Run   func(context.Context, *call) error
}

// call is one run of one verb.
type call struct {
	verb   verb
	flags  flags
	args   []string
	env    func(string) string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	action *action // set when this is a step of GitHub Actions

	hiding  sync.Mutex
	secrets []string // read so far; see hide
}

// Main runs the program and returns its exit code. args[0] is the program's name: under the name cutover-post it is the
// second half of the action.
func Main(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &call{env: env, stdin: stdin, stdout: stdout, stderr: &locked{w: stderr}}
	err := c.dispatch(ctx, args)
	if errors.Is(err, errHelp) {
		return int(fault.OK)
	}
	if isShown(err) {
		return int(fault.CodeOf(err)) // it was coded by what the run had begun
	}
	if err != nil {
		c.complain(err)
	}
	return int(codeOf(err, false, false))
}

func (c *call) dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 && filepath.Base(args[0]) == postName {
		args = []string{args[0], "action", "post"} // whatever the runner passes, it is that of the main entrypoint
	}
	if len(args) < 2 {
		c.overview(c.stderr)
		return shown(fault.New(fault.Usage, "", "no verb given"))
	}
	name := args[1]
	if name == "-h" || name == "--help" || name == "help" {
		c.overview(c.stdout)
		return errHelp
	}
	i := slices.IndexFunc(verbs(), func(v verb) bool { return v.Name == name })
	if i < 0 {
		return fault.New(fault.Usage, "cutover -h lists the verbs", "there is no verb %q", name)
	}
	return c.invoke(ctx, verbs()[i], args[2:])
}

// invoke parses the arguments of a verb and runs it.
func (c *call) invoke(ctx context.Context, v verb, args []string) error {
	c.verb = v
	if err := c.parse(args); err != nil {
		return err
	}
	return v.Run(ctx, c)
}

// complain writes an error and its hints for a person. The mistakes of a plan are one line each, file:line:col first.
func (c *call) complain(err error) {
	if bad, ok := errors.AsType[*plan.Errors](err); ok && bad != nil {
		for _, p := range bad.Problems {
			fmt.Fprintln(c.stderr, clean(fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Message)))
			c.annotate(p)
		}
		return
	}
	fmt.Fprintf(c.stderr, "cutover: %s\n", clean(err.Error()))
	for _, h := range fault.Hints(err) {
		fmt.Fprintf(c.stderr, "  hint: %s\n", clean(h))
	}
}

// warn tells what does not stop a run.
func (c *call) warn(format string, args ...any) {
	fmt.Fprintf(c.stderr, "cutover: warning: %s\n", clean(fmt.Sprintf(format, args...)))
}

// locked lets several goroutines write whole lines.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// quiet is an error that has been shown already.
type quiet struct{ error }

func (q quiet) Unwrap() error { return q.error }

func shown(err error) error {
	if err == nil {
		return nil
	}
	return quiet{err}
}

func isShown(err error) bool {
	_, ok := errors.AsType[quiet](err)
	return ok
}
