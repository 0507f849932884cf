package rehearse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"cutover.dev/cutover/lab/world"
)

// actionVerb is how the container action starts the tool. It says everything on stdout then.
const actionVerb = "action"

// Process is one process of the tool that was started. Wait for it, whatever becomes of it.
type Process struct {
	cmd            *exec.Cmd
	ctx            context.Context // that it was started with
	home           string
	began          time.Time
	result         Result
	stdout, stderr bytes.Buffer
}

// Start starts one process. Its narration goes to told as it comes (nil: only into the Result). When ctx ends it is
// interrupted, as a cancelled CI job is, and has a while to come to a stop by itself.
func (t Tool) Start(ctx context.Context, told io.Writer, args ...string) (*Process, error) {
	home, err := t.home()
	if err != nil {
		return nil, err
	}
	cmd := world.Command(ctx, t.Net, t.Binary, args...) // nsenter becomes the tool: a signal reaches it
	p := &Process{cmd: cmd, ctx: ctx, home: home, began: time.Now(), result: Result{Args: args}}
	cmd.Dir, cmd.Env = t.Dir, t.environment(home)
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	switch {
	case told == nil:
	case len(args) > 0 && args[0] == actionVerb:
		cmd.Stdout = io.MultiWriter(&p.stdout, told)
	default:
		cmd.Stderr = io.MultiWriter(&p.stderr, told)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in the terminal is ours to pass on
	cmd.Cancel = func() error { return p.Signal(os.Interrupt) }
	cmd.WaitDelay = stopping
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", t.Binary, err), os.RemoveAll(home))
	}
	return p, nil
}

// Signal sends a signal to this process alone. That it has ended already is no error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to process %d: %w", s, p.cmd.Process.Pid, err)
	}
	return nil
}

// Wait waits for the end of the process. How it ended is in the Result; the error says that this is not known.
func (p *Process) Wait() (Result, error) {
	defer os.RemoveAll(p.home)
	err := p.cmd.Wait()
	r := &p.result
	r.Code, r.Took = p.cmd.ProcessState.ExitCode(), time.Since(p.began)
	r.Stdout, r.Stderr = p.stdout.Bytes(), p.stderr.Bytes()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended && p.ctx.Err() == nil {
		return *r, fmt.Errorf("run %s: %w", p.cmd.Path, err)
	}
	return *r, nil
}

// Run starts one process and waits for its end; see Start.
func (t Tool) Run(ctx context.Context, told io.Writer, args ...string) (Result, error) {
	p, err := t.Start(ctx, told, args...)
	if err != nil {
		return Result{}, err
	}
	return p.Wait()
}

// home makes the home of one process. The folder above Homes has to be there: a run folder that nobody took up is no lab, and
// nobody would take it down.
func (t Tool) home() (string, error) {
	if t.Homes != "" {
		if err := os.Mkdir(t.Homes, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make a home for the tool (is the lab up?): %w", err)
		}
	}
	home, err := os.MkdirTemp(t.Homes, "cutover-home-")
	if err != nil {
		return "", fmt.Errorf("make a home for the tool: %w", err)
	}
	return home, nil
}

func (t Tool) environment(home string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	for _, name := range slices.Sorted(maps.Keys(t.Env)) {
		env = append(env, name+"="+t.Env[name])
	}
	return env
}
