package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/report"
)

// How long a process may go on after a signal. It has to end within 7 s: the runner of GitHub Actions sends the next one after 7.5 s.
const (
	graceful = 6 * time.Second        // to bring what is under way to its end or back, and to tell others of it
	atLeast  = 200 * time.Millisecond // to tell each of them, if going back took it all: old's copy, what comes next, relays, the lock
)

// outcome is what one verb on phases came to, for stdout, stderr and the action.
type outcome struct {
	session  *session
	recorder *report.Recorder
	text     *report.Text
	begun    atomic.Bool
	failed   atomic.Bool // a step did
	back     bool        // the verb is a way back
	digest   string
	next     string
	approval string
	goOn     string
	kept     string                    // the file that the journal was exported to at the end
	newest   string                    // the phase that a rollback would take back
	about    map[string][]phase.Object // by step
	steps    []report.Step             // of a plan, instead of what was recorded
	link     *report.Link              // of a verify, likewise
	adopted  []string                  // what adopt took in
}

func (s *session) outcome(name string) *outcome {
	return &outcome{session: s, about: map[string][]phase.Object{}, recorder: report.NewRecorder(s.call.verb.Name, name), text: report.NewText(s.call.stderr), digest: s.call.flags.Digest}
}

// Emit passes an event on and remembers whether anything was begun.
func (o *outcome) Emit(e engine.Event) {
	if e.What == "begun" || e.What == "reverting" {
		o.begun.Store(true)
	}
	if e.What == "failed" && e.Step != "" {
		o.failed.Store(true)
	}
	report.Tee{o.text, o.recorder}.Emit(e)
}

// engine is the only maker of engines.
func (o *outcome) engine(digest string) *engine.Engine {
	s := o.session
	without := ""
	if s.gone {
		without = phase.New
	}
	return &engine.Engine{
		Without: without,
		Store:   s.store, Lock: s.lease, Sink: o, Run: s.run, Seed: digest, Poll: time.Second, Grace: graceful,
		AfterGroup: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, copying)
			defer cancel()
			s.copy(ctx)
			return nil
		},
	}
}

// expect lists the steps of a phase, so that a failure can say what was not reached.
func (o *outcome) expect(ctx context.Context, p phase.Phase) error {
	groups, err := p.Steps(ctx, o.session.log)
	if err != nil {
		return unsure(fmt.Errorf("list the steps of %s: %w", p.Name, err))
	}
	o.recorder.Expect(groups)
	o.remember(groups)
	return nil
}

// document is the state of things, with err as its end.
func (o *outcome) document(err error) report.Document {
	d := o.recorder.Document()
	d.Plan, d.Digest, d.Next, d.Approval = o.session.plan.Metadata.Name, o.digest, o.next, o.approval
	d.Mutated = d.Mutated || o.begun.Load()
	if o.steps != nil {
		d.Steps, d.Link = o.steps, o.link
	}
	d.Adopted = o.adopted
	if log := o.session.log; log != nil {
		d.Unapproved = unapproved(log.Entries())
		if d.Link != nil && d.Verb == "apply" {
			d.Link = d.Link.Earlier(proved(log, o.about))
		}
	}
	if w, ok := errors.AsType[*engine.NotBefore](err); ok && w != nil {
		d.NotBefore = w.Until
	}
	d.Fail(err)
	if s := o.session; d.Phase != "" && (d.Verb == "plan" || d.Verb == "apply" && err == nil) {
		d.WayBack = itinerary.WayBack(s.plan, s.stops, d.Phase)
	}
	d.GoOn, d.Journal = o.goOn, o.kept
	if err != nil && o.newest != "" && (o.begun.Load() || o.session.touched(o.newest)) {
		d.GoBack = o.session.call.command("rollback", "--phase", o.newest)
	}
	return d
}

// finish writes the result and returns the error that the program ends with.
func (o *outcome) finish(ctx context.Context, err error) error {
	// What an earlier run began and this one could not bring to its end is no gate's no.
	err = coded(err, o.begun.Load() || o.failed.Load() && o.session.changed(o.newest), o.back)
	c, d := o.session.call, o.document(err)
	o.explain(ctx, &d, err)
	o.foresee(ctx, &d)
	if told := report.End(c.stderr, d); told != nil {
		err = errors.Join(err, fmt.Errorf("tell the end: %w", told))
	}
	if c.action != nil || c.flags.Output == "json" { // the lines on a terminal do not show it
		d.Served = o.session.served(ctx)
		d.Residual, d.Uncounted = o.session.residual(ctx, looking)
	}
	c.publish(d, true)
	if c.verb.Name == "plan" {
		c.comment(ctx, d)
	}
	if c.flags.Output == "json" {
		if wrote := d.JSON(c.stdout); wrote != nil && err == nil {
			return fmt.Errorf("write the result: %w", wrote)
		}
	} else if c.verb.Name != "plan" && c.verb.Name != "adopt" && err == nil { // these have printed theirs
		fmt.Fprintln(c.stdout, clean(report.Verdict(d)))
	}
	return shown(err)
}

// foresee says what comes next after a run that changed the journal. It asks on a detached context: a run that was
// stopped has an answer too.
func (o *outcome) foresee(ctx context.Context, d *report.Document) {
	s := o.session
	if s.log == nil || d.Next != "" || s.gone {
		return
	}
	last, cancel := s.last(ctx, 2*time.Second)
	defer cancel()
	log, err := journal.Open(last, s.store, s.run)
	if err != nil {
		return // it is a help, not a result
	}
	stops := itinerary.Of(s.plan, log)
	if next, ok := itinerary.Next(stops); ok {
		d.Next, d.Approval = next.Name, s.plan.Spec.Approvals[next.Name]
	} else if d.Verb == "apply" {
		d.Following, _ = itinerary.Following(s.plan, stops)
	}
}

// given repeats those of these flags that stood on the command line.
func (c *call) given(names ...string) []string {
	values := map[string]string{"to": c.flags.To, "phase": c.flags.Phase, "holder": c.flags.Holder, "break-glass": c.flags.BreakGlass}
	var args []string
	for _, name := range names {
		if values[name] != "" {
			args = append(args, "--"+name, values[name])
		}
	}
	return args
}

// command is a command line a person can type.
func (c *call) command(verb string, args ...string) string {
	words := append([]string{"cutover", verb, "--plan", c.flags.Plan}, args...)
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\"'$&;|<>()*?[]\\`~#") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// refused is a no that this package itself gives.
func refused(hint, format string, args ...any) error {
	return fault.New(fault.Refused, hint, format, args...)
}
