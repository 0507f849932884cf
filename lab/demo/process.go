package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// waiting is the exit code that says: nothing is wrong, come back later.
const waiting = 8

// patience is how long the demo comes back for: the plan's own windows are seconds.
const patience = 2 * time.Minute

// verb runs one verb of the tool, which has to end well, and returns how many steps it reports.
func (d *demo) verb(ctx context.Context, i int, verb string, args ...string) (int, error) {
	r, err := d.run(ctx, i, verb, args...)
	return rehearse.Steps(r.Stdout), errors.Join(r.Failed(), err)
}

// run runs one verb as a process of its own, again while it says that it has to wait.
func (d *demo) run(ctx context.Context, i int, verb string, args ...string) (rehearse.Result, error) {
	log, err := os.Create(filepath.Join(d.Out, "logs", fmt.Sprintf("%02d-%s.log", i+1, verb)))
	if err != nil {
		return rehearse.Result{}, fmt.Errorf("make the log: %w", err)
	}
	defer log.Close()
	tool := d.tool
	if verb == "plan" || verb == "verify" { // as a pull request does, which gets no Secret
		tool.Env = d.world.EnvironmentOf(world.UserPlan)
	}
	line := append([]string{verb, "--plan", d.Plan, "--output", "json"}, args...)
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Minute, errors.New("not finished within 15 minutes"))
	defer cancel()
	for until := time.Now().Add(patience); ; {
		fmt.Fprintf(log, "$ cutover %s\n", strings.Join(line, " "))
		r, err := tool.Run(ctx, io.MultiWriter(log, d.view.narration()), line...)
		if err != nil {
			return r, err
		}
		_, err = fmt.Fprintf(log, "%s\nexit code %d after %.1f s\n", r.Stdout, r.Code, r.Took.Seconds())
		if r.Code != waiting || time.Now().After(until) || ctx.Err() != nil {
			return r, errors.Join(err, context.Cause(ctx))
		}
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
}

// build builds the tool from the checkout.
func (d *demo) build(ctx context.Context) error {
	began := time.Now()
	if err := command(ctx, d.root, "go", "build", "-trimpath", "-o", d.tool.Binary, "./cmd/cutover"); err != nil {
		return fmt.Errorf("build the tool: %w", err)
	}
	fmt.Printf("the tool is built (%.1f s)\n", time.Since(began).Seconds())
	return nil
}

func (d *demo) up(ctx context.Context) error {
	began, args := time.Now(), []string{"run", ".", "up"}
	if d.Names {
		args = append(args, "--names")
	}
	err := command(ctx, filepath.Join(d.root, "lab"), "go", args...)
	if d.report.LabUpSeconds = round(time.Since(began)); err != nil {
		return fmt.Errorf("bring the lab up: %w", err)
	}
	return nil
}

// down takes the lab down, also when ctx has ended.
func (d *demo) down(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	if err := command(ctx, filepath.Join(d.root, "lab"), "go", "run", ".", "down"); err != nil {
		return fmt.Errorf("take the lab down: %w", err)
	}
	return nil
}

// command runs a program whose output is ours. It is in a process group of its own, so that a Ctrl-C reaches it once,
// from us, and with it what it started itself.
func command(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Run(); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}

// repository finds the checkout above the working folder.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "lab", "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no checkout of cutover in or above %s", dir)
		}
	}
}
