package runnertest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// How long the runner waits after a signal before it sends the next one.
const (
	afterInterrupt = 7500 * time.Millisecond
	afterTerminate = 2500 * time.Millisecond
)

// Process is the action at work in a process of its own, as in its container.
type Process struct {
	Cmd *exec.Cmd

	step  *Step
	pipes [2]*pipe
	ended chan struct{}
}

// Start runs what action.yml names as entrypoint with its arguments, out of a folder that stands for the image. The environment is
// that of the step and nothing else. A process that is left is killed at the end of the test.
func (s *Step) Start(image string) *Process {
	s.t.Helper()
	return s.start(filepath.Join(image, filepath.Base(s.manifest().Runs.Entrypoint)))
}

// StartPost is Start for the post-entrypoint: of what Post returns.
func (s *Step) StartPost(image string) *Process {
	s.t.Helper()
	return s.start(filepath.Join(image, filepath.Base(s.manifest().Runs.PostEntrypoint)))
}

func (s *Step) start(program string) *Process {
	s.t.Helper()
	p := &Process{step: s, pipes: [2]*pipe{{to: s.log.line}, {to: s.log.line}}, ended: make(chan struct{})}
	p.Cmd = exec.CommandContext(s.t.Context(), program, s.manifest().Runs.Args...)
	p.Cmd.Dir, p.Cmd.Env = s.Dir, []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range s.Env {
		p.Cmd.Env = append(p.Cmd.Env, name+"="+value)
	}
	p.Cmd.Stdout, p.Cmd.Stderr = p.pipes[0], p.pipes[1]
	if err := p.Cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = p.Cmd.Wait() // the exit code says it
		for _, pipe := range p.pipes {
			pipe.end()
		}
		close(p.ended)
	}()
	s.t.Cleanup(func() { _ = p.Cmd.Process.Kill(); <-p.ended })
	return p
}

// Ended is closed when the process has ended and all that it printed is in the log.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Code is the exit code, once it has ended: -1 if a signal ended it.
func (p *Process) Code() int { <-p.ended; return p.Cmd.ProcessState.ExitCode() }

// Cancel ends the process as the runner does when somebody cancels the run, and returns the last signal that it took.
func (p *Process) Cancel() syscall.Signal {
	p.step.t.Helper()
	return cancel(func(s syscall.Signal) {
		if err := p.Cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			p.step.t.Errorf("send %s: %v", s, err)
		}
	}, p.ended)
}

// cancel sends one signal after the other until the end.
func cancel(send func(syscall.Signal), ended <-chan struct{}) (last syscall.Signal) {
	for _, next := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, afterInterrupt}, {syscall.SIGTERM, afterTerminate}} {
		last = next.signal
		send(last)
		select {
		case <-ended:
			return last
		case <-time.After(next.wait):
		}
	}
	send(syscall.SIGKILL)
	<-ended
	return syscall.SIGKILL
}

// patient is how long a process may take for anything before a test gives it up. Nothing is concluded from less.
const patient = 2 * time.Minute

// Says waits until the log has this text.
func (p *Process) Says(text string) {
	p.step.t.Helper()
	for giveUp := time.Now().Add(patient); !strings.Contains(p.step.Log(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(giveUp) {
			p.step.t.Fatalf("it never says %q\n%s", text, p.step.Log())
		}
	}
}
