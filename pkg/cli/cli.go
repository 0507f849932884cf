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

	"cutover.dev/cutover/pkg/fault"
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
}

// Main runs the program and returns its exit code. args[0] is the program's name: under the name cutover-post it is the
// second half of the action.
func Main(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &call{env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	err := c.dispatch(ctx, args)
	if errors.Is(err, errHelp) {
		return int(fault.OK)
	}
	if err != nil && !isShown(err) {
		c.complain(err)
	}
	return int(codeOf(err))
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

// complain writes an error and its hints for a person, one line each.
func (c *call) complain(err error) {
	fmt.Fprintf(c.stderr, "cutover: %v\n", clean(err.Error()))
	for _, h := range fault.Hints(err) {
		fmt.Fprintf(c.stderr, "  hint: %s\n", clean(h))
	}
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
