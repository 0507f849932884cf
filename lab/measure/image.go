package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/podman"
)

const (
	tag     = "localhost/cutover:measured"
	mostMiB = 40
)

// image builds the action's image and starts it over and over, in turn with a container of the same image that does nothing.
func (m *measuring) image(ctx context.Context) (err error) {
	m.say.Expect(1)
	if err := cache.EnsurePodman(ctx, m.say); err != nil {
		return err
	}
	if err := m.target(ctx, "image-root"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.down(ctx)) }() // its control groups and mounts are found as the lab's are
	p, err := podman.In(filepath.Join(m.world.Run, "measure"))
	if err != nil {
		return err
	}
	if _, err := m.podman(ctx, p, "build", "--network=none", "--tag", tag, "."); err != nil {
		return err
	}
	m.say.Done("the image is built")
	size, err := m.podman(ctx, p, "image", "inspect", "--format", "{{.Size}}", tag)
	if err != nil {
		return err
	}
	bytes, err := strconv.ParseFloat(strings.TrimSpace(size), 64)
	if err != nil {
		return fmt.Errorf("read the size of the image: %w", err)
	}
	ours, floor, err := m.starts(ctx, p)
	if err != nil {
		return err
	}
	fmt.Printf("image: %d starts of each container in turn, median; %s\n", m.Starts, crowd())
	return m.report.note(
		atMost("size of the image", mostMiB, bytes/(1<<20), "MiB"),
		beside("container start to the first line against a no-op container", ours.Seconds(), floor.Seconds(), "s"),
	)
}

// starts are the medians of the time to the first line: of the action that reads a plan, and of a shell that says a word.
func (m *measuring) starts(ctx context.Context, p podman.Podman) (ours, floor time.Duration, err error) {
	action := p.Argv("run", "--rm", "--pull=never", "--network=none", "--volume", filepath.Join(m.root, "plans")+":/work/plans:ro", "--workdir", "/work",
		"--env", "INPUT_VERB=validate", "--env", "INPUT_PLAN=plans/demo.yaml", "--env", "GITHUB_OUTPUT=/tmp/output",
		"--env", "GITHUB_STEP_SUMMARY=/tmp/summary", "--env", "GITHUB_STATE=/tmp/state", tag)
	idle := p.Argv("run", "--rm", "--pull=never", "--network=none", "--entrypoint", "/bin/sh", tag, "-c", "echo no-op")
	var all [2][]time.Duration
	for range m.Starts {
		for i, argv := range [][]string{idle, action} {
			took, err := firstLine(ctx, argv)
			if err != nil {
				return 0, 0, err
			}
			all[i] = append(all[i], took)
		}
	}
	return quantile(all[1], 0.5), quantile(all[0], 0.5), nil
}

// firstLine is the time until a program has said one line. It has to end well, too.
func firstLine(ctx context.Context, argv []string) (time.Duration, error) {
	doing := func(err error) error { return fmt.Errorf("run %s: %w", strings.Join(argv, " "), err) }
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, doing(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, doing(err)
	}
	in := bufio.NewReader(out)
	_, err = in.ReadString('\n')
	took := time.Since(began)
	_, drained := io.Copy(io.Discard, in)
	if err := errors.Join(err, drained, cmd.Wait()); err != nil {
		return 0, doing(fmt.Errorf("%w\n%s", err, said.String()))
	}
	return took, nil
}

// podman runs podman in the repository and returns what it prints.
func (m *measuring) podman(ctx context.Context, p podman.Podman, args ...string) (string, error) {
	argv := p.Argv(args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = m.root
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("podman %s: %w\n%s", args[0], err, said.String())
	}
	return string(out), nil
}
