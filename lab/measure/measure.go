package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

// settings are the flags.
type settings struct {
	Rounds, Starts int
	Only, Out      string
}

// The parts that can be measured alone.
const (
	onlyImage = "image"
	onlyLab   = "lab"
	onlyGap   = "gap"
	onlyRelay = "relay"
)

// measuring is one run.
type measuring struct {
	settings
	root   string // of the repository
	world  world.World
	tool   rehearse.Tool
	say    *progress.Progress
	report reportFile
}

// run measures everything, in the container first: two clusters beside it would be noise.
func run(ctx context.Context, s settings) error {
	if s.Rounds < 1 || s.Starts < 1 {
		return errors.New("-rounds and -starts have to be at least 1")
	}
	if !slices.Contains([]string{"", onlyImage, onlyLab, onlyGap, onlyRelay}, s.Only) {
		return fmt.Errorf("-only is %q, and there is image, lab, gap and relay", s.Only)
	}
	source, err := world.Source()
	if err != nil {
		return err
	}
	w, err := world.Here()
	if err != nil {
		return err
	}
	root := filepath.Dir(source)
	m := &measuring{settings: s, root: root, world: w, say: progress.New(os.Stderr)}
	m.Out = filepath.Join(root, s.Out)
	m.report = reportFile(filepath.Join(m.Out, "report.json"))
	if err := rig.Vacant(ctx, w); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(m.Out, "logs"), 0o755); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	if s.Only == "" || s.Only == onlyImage {
		if err := m.image(ctx); err != nil {
			return err
		}
	}
	if s.Only != onlyImage {
		return m.lab(ctx)
	}
	return nil
}

// target runs a target of the Makefile.
func (m *measuring) target(ctx context.Context, name string) error {
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", name)
	cmd.Dir = m.root
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make %s: %w\n%s", name, err, said)
	}
	return nil
}

// lab takes the lab up, dials by a relay, moves a wave, asks on every way, moves the primary over and over, and takes it down.
func (m *measuring) lab(ctx context.Context) (err error) {
	if err := m.target(ctx, "build"); err != nil {
		return err
	}
	// As an administrator: rights are what lab/e2e is about, and the plan here is another than the one they are made for.
	m.tool = rehearse.Tool{
		Binary: filepath.Join(m.root, "bin", "cutover"), Dir: m.root, Plan: filepath.Join(m.Out, "measure.yaml"),
		Homes: m.world.Homes(), Env: m.world.EnvironmentOf(world.UserAdmin),
	}
	if err := m.writePlan(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.down(ctx)) }()
	if err := rig.Up(ctx, m.world, m.say); err != nil {
		return err
	}
	if err := m.populate(ctx); err != nil {
		return err
	}
	if m.Only != onlyGap {
		if err := m.relay(ctx); err != nil || m.Only == onlyRelay {
			return err
		}
	}
	for _, phase := range []string{"join", "proxy", "routes"} {
		if _, err := m.apply(ctx, phase); err != nil {
			return err
		}
	}
	if m.Only == onlyGap { // it is the primary's turn after the wave
		if _, err := m.apply(ctx, "migrate/"+wave); err != nil {
			return err
		}
		return m.database(ctx)
	}
	if err := m.wave(ctx); err != nil {
		return err
	}
	if err := m.latency(ctx); err != nil {
		return err
	}
	return m.database(ctx)
}

// apply runs one phase in a process of its own, and keeps what it said.
func (m *measuring) apply(ctx context.Context, phase string) (rehearse.Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Minute, errors.New("not finished within 15 minutes"))
	defer cancel()
	r, err := m.tool.Verb(ctx, nil, "apply", "--phase", phase)
	kept := os.WriteFile(filepath.Join(m.Out, "logs", filepath.Base(phase)+".log"), append(r.Stderr, r.Stdout...), 0o644)
	if err := errors.Join(err, kept); err != nil {
		return r, fmt.Errorf("phase %s: %w", phase, errors.Join(err, context.Cause(ctx)))
	}
	m.say.Note("phase %s: %.1f s", phase, r.Took.Seconds())
	return r, nil
}

// down takes the lab down, also when ctx has ended.
func (m *measuring) down(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	return rig.Down(ctx, m.world, m.say)
}
