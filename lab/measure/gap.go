package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
	"cutover.dev/cutover/lab/writes"
)

const (
	pairs   = 5
	steps   = 12 // changes of the configuration on the way of three old and three new members
	closed  = 3 * time.Second
	worstMs = 2500
	tries   = 3                     // of a phase that did not arrive
	broken  = 4                     // the tool's exit code for that
	stuck   = 5                     // and on the way back
	farther = 10 * time.Millisecond // added to the way from one cluster to the other and back
)

// application writes to the set, with one concern and with the other.
type application struct{ majority, one writer }

// writer is a writes.Writes.
type writer interface {
	Between(from, to time.Time) writes.Gaps
	Stop(ctx context.Context) (writes.Result, error)
}

// database holds the time in which nobody can write while the tool moves the primary against that of a bare step down of the
// same set, and of what one does by hand: give one new member a higher priority, and wait. Then all is as it was before. The
// first two once more where the clusters are farther from each other.
func (m *measuring) database(ctx context.Context) (err error) {
	var a application
	if a.majority, err = rehearse.Application(ctx, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.majorityStopped(ctx)) }()
	if a.one, err = rehearse.Writers(ctx, writes.Options{Concern: writeconcern.W1()}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.oneStopped(ctx)) }()
	if err := m.near(ctx, a); err != nil {
		return err
	}
	return m.afar(ctx, a)
}

// majorityStopped: what a majority has may not be lost, whatever moved the primary.
func (a application) majorityStopped(ctx context.Context) error {
	r, err := a.majority.Stop(context.WithoutCancel(ctx))
	if err == nil && r.Lost > 0 {
		err = fmt.Errorf("%d of %d acknowledged writes of a majority are lost", r.Lost, r.Writes)
	}
	return err
}

// oneStopped only states what was lost: nobody promised that what one member has will last, and a takeover is no hand-over.
func (a application) oneStopped(ctx context.Context) error {
	r, err := a.one.Stop(context.WithoutCancel(ctx))
	if err == nil {
		fmt.Printf("of %d writes that one member acknowledged %d are lost\n", r.Writes, r.Lost)
	}
	return err
}

// near measures all ways in turn, on the lab as it is.
func (m *measuring) near(ctx context.Context, a application) error {
	var ours, bare, naive gaps
	var took []time.Duration
	for range pairs {
		t, err := m.pair(ctx, a, &ours, &bare)
		if err != nil {
			return err
		}
		took = append(took, t)
		if err := naive.of(ctx, a, func() error { return m.prefer(ctx) }); err != nil {
			return fmt.Errorf("give a new member a higher priority: %w", err)
		}
		if err := m.unprefer(ctx); err != nil {
			return fmt.Errorf("take the priority back: %w", err)
		}
	}
	floor, err := m.reconfigs(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("the primary moved %d times by each means; %s\n%s%s%s", pairs, crowd(), ours.all("stepdown"), bare.all("a bare step down"), naive.all("a higher priority"))
	out := append(against("a bare step down", "", 1.25, ours, bare), against("a higher priority and a wait", "", 0, ours, naive)...)
	out = append(
		out, atMost("stepdown: the longest gap of all", worstMs, ours.longest(), "ms"),
		ours.repeated(""),
		beside(fmt.Sprintf("stepdown against %d bare changes of the configuration", steps), quantile(took, 0.5).Seconds(), floor.Seconds(), "s"),
	)
	return m.report.note(out...)
}

// afar measures the tool and a bare step down while the clusters are farther from each other.
func (m *measuring) afar(ctx context.Context, a application) (err error) {
	undo, err := wan.Delay(ctx, world.Old, world.New, world.MongodPort, farther)
	if errors.Is(err, wan.ErrNoDelay) {
		fmt.Printf("not measured with %s of delay: %v\n", farther, err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, undo()) }()
	var ours, bare gaps
	for range pairs {
		if _, err := m.pair(ctx, a, &ours, &bare); err != nil {
			return fmt.Errorf("with %s of delay: %w", farther, err)
		}
	}
	suffix := fmt.Sprintf(", %s of delay", farther)
	fmt.Printf("the primary moved %d times by each means%s; %s\n%s%s", pairs, suffix, crowd(), ours.all("stepdown"), bare.all("a bare step down"))
	return m.report.note(append(against("a bare step down", suffix, 0, ours, bare),
		atMost("stepdown: the longest gap of all"+suffix, worstMs, ours.longest(), "ms"), ours.repeated(suffix))...)
}

// pair lets the tool move the primary and take it back, and then a primary of old step down. It returns how long the phase took.
func (m *measuring) pair(ctx context.Context, a application, ours, bare *gaps) (took time.Duration, err error) {
	if err := m.insist(func() (r rehearse.Result, err error) {
		err = ours.of(ctx, a, func() error { r, err = m.apply(ctx, "stepdown"); return err })
		took = r.Took
		return r, err
	}); err != nil {
		return 0, err
	}
	if err := m.insist(func() (r rehearse.Result, err error) {
		err = ours.back(ctx, a, func() error { r, err = m.tool.Verb(ctx, nil, "rollback", "--phase", "stepdown"); return err })
		return r, err
	}); err != nil {
		return 0, fmt.Errorf("move the primary back: %w", err)
	}
	if err := m.standAgain(ctx); err != nil {
		return 0, err
	}
	if err := bare.of(ctx, a, func() error { return m.stepDown(ctx, world.Old) }); err != nil {
		return 0, fmt.Errorf("step down: %w", err)
	}
	return took, nil
}

// insist runs the tool again where it says that it did not arrive: the machine was too slow for the even split. How long such a run
// took does not count; for how long nobody could write in it does.
func (m *measuring) insist(run func() (rehearse.Result, error)) error {
	for try := 1; ; try++ {
		r, err := run()
		if err == nil || try == tries || r.Code != broken && r.Code != stuck {
			return err
		}
		m.say.Note("once more: %v", err)
	}
}
