package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/itinerary"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/cleanup"
	"cutover.dev/cutover/pkg/phase/link"
	"cutover.dev/cutover/pkg/phase/proxy"
	"cutover.dev/cutover/pkg/report"
)

// showPlan shows what a phase would do, and writes nothing.
func showPlan(ctx context.Context, c *call) error {
	s, err := c.open(ctx)
	if err != nil {
		if p, bad := c.load(); bad == nil { // else the comment would go on showing an older plan
			d := report.Document{Verb: c.verb.Name, Phase: c.flags.Phase, Plan: p.Metadata.Name}
			d.Fail(coded(err, false, false))
			c.comment(ctx, d)
		}
		return err
	}
	defer s.close()
	o := s.outcome(c.flags.Phase)
	return o.finish(ctx, o.plan(ctx))
}

func (o *outcome) plan(ctx context.Context) error {
	s := o.session
	if err := s.prepare(ctx); err != nil {
		return err
	}
	p, stop, err := o.begin()
	if err != nil || p.Name == "" {
		return err
	}
	e := o.engine(s.plan.Digest())
	lines, digest, err := e.Plan(ctx, p)
	if err != nil {
		return unsure(err)
	}
	o.seen(lines)
	o.digest = digest
	if s.call.flags.Output != "json" {
		if err := report.Plan(s.call.stdout, o.document(nil)); err != nil {
			return err
		}
	}
	for _, w := range inventory.Warnings(s.plan, s.inv) {
		s.call.warn("%s", w)
	}
	// The approval is given to what is shown here, so it cannot be asked for yet; and whose turn it is not may be looked
	// at ahead.
	gates := without(s.gates(e, p, stop), "approval")
	if !stop.Runs && stop.State != itinerary.StateDone {
		s.call.warn("it is not the turn of %s yet%s", p.Name, because(stop.Why))
		gates = without(gates, "order", "standing")
	}
	err = ask(ctx, gates, o)
	if stop.Runs {
		err = errors.Join(err, blocked(lines))
	}
	if err = errors.Join(err, o.whole(p.Name)); err != nil {
		return err
	}
	if err := engine.Approved(s.call.flags.Digest, digest, lines); err != nil {
		return err
	}
	o.goOn = s.call.command("apply", "--phase", p.Name, "--expect-digest", digest)
	return nil
}

// blocked names the changes that will not come about by waiting.
func blocked(lines []engine.Line) error {
	var nos []error
	for _, l := range lines {
		if l.Err == nil && l.Seen.State == phase.Failed {
			nos = append(nos, fault.Advise(fault.Refused, fmt.Errorf("%s: %s", l.Step.ID, l.Seen.Detail), l.Seen.Hints...))
		}
	}
	return fault.Wrap(fault.Refused, "", errors.Join(nos...))
}

// seen makes lines the steps of the document.
func (o *outcome) seen(lines []engine.Line) {
	o.steps, o.link = append(o.steps, report.Planned(lines)...), report.Reached(o.link, lines)
}

// verify looks whether everything that is finished still holds.
func verify(ctx context.Context, c *call) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	o := s.outcome(c.flags.Phase)
	return o.finish(ctx, o.verify(ctx))
}

func (o *outcome) verify(ctx context.Context) error {
	s := o.session
	if err := s.prepare(ctx); err != nil {
		return err
	}
	var nos []error
	if s.dismantled() {
		s.call.warn("cleanup has begun to delete old's own objects: only cleanup itself can still be looked at")
	}
	for _, p := range s.lasting() {
		lines, err := o.engine(s.plan.Digest()).Verify(ctx, s.visible(p))
		o.seen(lines)
		nos = append(nos, s.drifted(err, p.Name, p.Name))
	}
	return errors.Join(nos...)
}

// lasting lists the phases that are finished and still have to hold, of those that were asked for.
func (s *session) lasting() (all []phase.Phase) {
	only := s.call.flags.Phase
	for _, stop := range s.stops {
		p, ok := s.phases[stop.Name]
		switch {
		case !ok, !s.log.Phase(stop.Name).Finished, only != "" && only != stop.Name:
		case s.dismantled() && stop.Name != cleanup.Name:
		case s.touched(cleanup.Name) && slices.Contains([]string{link.Name, proxy.Name}, stop.Name): // nobody needs the way to old any more
		default:
			all = append(all, p)
		}
	}
	return all
}

// next says what comes next, who has to approve it, and its digest.
func next(ctx context.Context, c *call) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	var out struct {
		Next     string `json:"next"`
		Approval string `json:"approval"`
		Digest   string `json:"digest"`
	}
	p, _, err := s.phase()
	if err == nil {
		o := s.outcome(p.Name)
		lines, digest, err := o.engine(s.plan.Digest()).Plan(ctx, p)
		if err != nil {
			return unsure(err)
		}
		o.seen(lines)
		if err := o.whole(p.Name); err != nil { // nor is there a digest that a later job could go by
			return o.finish(ctx, err)
		}
		out.Next, out.Approval, out.Digest = p.Name, s.plan.Spec.Approvals[p.Name], digest
	} else if !errors.Is(err, errNothing) {
		return err
	}
	c.publish(report.Document{Verb: "next", Result: "done", Plan: s.plan.Metadata.Name, Next: out.Next, Approval: out.Approval, Digest: out.Digest}, true)
	if c.flags.Output == "json" {
		return writeJSON(c.stdout, out)
	}
	if out.Next == "" {
		fmt.Fprintln(c.stderr, errNothing)
		return nil
	}
	_, err = fmt.Fprintf(c.stdout, "next %s\napproval %s\ndigest %s\n", out.Next, out.Approval, out.Digest)
	return err
}
