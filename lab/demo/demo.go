package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
	"cutover.dev/cutover/lab/writes"
)

// settings are the flags.
type settings struct {
	Rate, Least int
	Plan, Out   string
	Keep, Up    bool
	Names       bool
	Link        bool
}

// demo is one run.
type demo struct {
	settings
	root   string // of the repository
	world  world.World
	tool   rehearse.Tool
	load   *load.Load
	writes *writes.Writes
	link   *wan.Link // nil: there is none
	view   *view
	report report
}

// run is the whole demo. The error is why it does not count.
func run(ctx context.Context, s settings) (err error) {
	root, err := repository()
	if err != nil {
		return err
	}
	w, err := world.Here()
	if err != nil {
		return err
	}
	d := &demo{settings: s, root: root, world: w, view: newView(os.Stdout), report: newReport()}
	d.Out = filepath.Join(root, s.Out)
	if err := errors.Join(os.RemoveAll(d.Out), os.MkdirAll(filepath.Join(d.Out, "logs"), 0o755)); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	d.tool = rehearse.Tool{Binary: filepath.Join(root, "bin", "cutover"), Dir: root, Plan: s.Plan, Homes: w.Homes(), Env: w.Environment()}
	if err := d.change(); err != nil {
		return err
	}
	if err := d.build(ctx); err != nil {
		return err
	}
	if !s.Keep {
		defer func() { err = errors.Join(err, d.down(ctx)) }()
	}
	if s.Up {
		if err := d.up(ctx); err != nil {
			return err
		}
	}
	return d.perform(ctx)
}

// perform runs the acts under load and writes the report, whatever became of them.
func (d *demo) perform(ctx context.Context) (err error) {
	clients := rehearse.Clients
	if d.Names {
		clients = rehearse.ClientsByName
	}
	if err := errors.Join(d.admit(ctx), d.settle(ctx)); err != nil {
		return err
	}
	part, err := d.join(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, part()) }()
	file, err := os.Create(filepath.Join(d.Out, "ledger.jsonl"))
	if err != nil {
		return fmt.Errorf("make the ledger: %w", err)
	}
	defer file.Close()
	pauses, err := os.Create(filepath.Join(d.Out, "writes.jsonl"))
	if err != nil {
		return fmt.Errorf("make the ledger: %w", err)
	}
	defer pauses.Close()
	if d.writes, err = rehearse.Application(ctx, pauses); err != nil {
		return err
	}
	d.writes.Pace(seldom)
	if d.load, err = clients(ctx, d.world, d.Rate, file); err != nil {
		_, stopped := d.writes.Stop(ctx)
		return errors.Join(err, stopped)
	}
	played := d.play(ctx)
	d.view.note("clients: waiting for the last answers")
	counters, written := d.load.Stop()
	asked := errors.Join(d.database(ctx), d.rights(ctx, played))
	through := d.carried(ctx)
	d.view.close()
	d.report.finish(ctx, d, counters, errors.Join(played, written, asked, through))
	if err := d.report.write(d.Out); err != nil {
		return err
	}
	d.report.print(os.Stdout)
	fmt.Fprintf(os.Stdout, "\nreport: %s\n", filepath.Join(d.Out, "report.md"))
	if len(d.report.Problems) > 0 {
		return errors.New("the demo did not succeed")
	}
	return nil
}

// settle waits until old answers everything, so that no request is lost to a lab that is still starting.
func (d *demo) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("old did not answer every host within a minute"))
	defer cancel()
	return every(ctx, time.Second, func() error {
		return rehearse.Answers(ctx, d.world, rehearse.EntryOf(world.Old), world.Old.Name)
	})
}

// play runs every act, and at the end asks new for every host.
func (d *demo) play(ctx context.Context) error {
	phases, err := d.tool.Phases(ctx)
	if err != nil {
		return err
	}
	acts, err := script(phases)
	if err != nil {
		return err
	}
	d.report.Database.Moves = slices.Contains(phases, stepdown)
	d.view.start(ctx, d.load, d.writes, acts)
	for i, a := range acts {
		if err := d.act(ctx, i, a); err != nil {
			return fmt.Errorf("%s: %w", a.title(), err)
		}
	}
	if err := rehearse.Answers(ctx, d.world, rehearse.EntryOf(world.New), world.New.Name); err != nil {
		return fmt.Errorf("ask new for every host at the end: %w", err)
	}
	d.view.note("clients: going on until enough was sent")
	return d.enough(ctx)
}

// act runs one act and puts it into the view and the report.
func (d *demo) act(ctx context.Context, i int, a act) error {
	d.view.begin(i)
	if a.Phase == stepdown {
		d.writes.Pace(often)
		defer d.writes.Pace(seldom)
	}
	began := time.Now()
	run := func() (int, error) { return d.carryOut(ctx, i, a) }
	if d.ofNames(a) {
		all := run
		run = func() (int, error) { return d.names(ctx, a, all) }
	}
	steps, err := run()
	took := time.Since(began)
	if a.Phase == stepdown {
		d.report.Database.stepped(a, d.writes.Between(began, time.Now()))
	}
	d.view.end(i, took, steps, err)
	d.report.Phases = append(d.report.Phases, phaseRow{
		Name: a.title(), Verb: string(a.Do), Seconds: round(took), Steps: steps, OK: err == nil,
	})
	return err
}

func (d *demo) carryOut(ctx context.Context, i int, a act) (steps int, err error) {
	switch a.Do {
	case move:
		return 0, d.load.Move(rehearse.Movers, rehearse.EntryOf(world.New))
	case end:
		if err := rehearse.Answers(ctx, d.world, rehearse.EntryOf(world.Old), world.New.Name); err != nil {
			return 0, fmt.Errorf("ask new through old's entry before its clients end: %w", err)
		}
		return 0, d.endLate(ctx)
	case refuse:
		return 0, d.refuse(ctx, i)
	case open:
		return 0, d.open(ctx)
	case rollback:
		return d.verb(ctx, i, "rollback", "--to", a.To)
	}
	if _, err := d.verb(ctx, i, "plan", "--phase", a.Phase); err != nil {
		return 0, err
	}
	if a.Phase == link {
		return d.prove(ctx, i)
	}
	args := []string{"--phase", a.Phase}
	if a.Phase == "cleanup" {
		args = append(args, "--allow-irreversible", "--export", filepath.Join(d.Out, "journal.jsonl"))
	}
	return d.verb(ctx, i, "apply", args...)
}

// enough waits until the clients have sent what a result needs to mean something.
func (d *demo) enough(ctx context.Context) error {
	limit := time.Duration(d.Least/max(d.Rate/2, 1))*time.Second + time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%d requests were not sent within %s more", d.Least, limit))
	defer cancel()
	return every(ctx, time.Second, func() error {
		if sent := d.load.Counters().Sent; sent < d.Least {
			return fmt.Errorf("%d of %d requests sent", sent, d.Least)
		}
		return nil
	})
}

// every asks until the answer is yes or ctx ends; then the error is why ctx ended and the last no.
func every(ctx context.Context, pause time.Duration, ask func() error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		no := ask()
		if no == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), no)
		}
	}
}
