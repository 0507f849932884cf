package main

import (
	"context"
	"errors"
	"fmt"

	"cutover.dev/cutover/lab/ipsec"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
)

// link is the phase that proves that both sides reach each other.
const link = "link"

// couldNot is the exit code of a phase whose proof says no.
const couldNot = 3

// linkPart is what became of the link between both sides.
type linkPart struct {
	Refused []string           `json:"refused"` // the paths that did not work while the firewalls were closed
	Rules   []string           `json:"rules"`   // what the tool named, and the demo opened
	Paths   []rehearse.Reached `json:"paths"`   // as it saw them then
	Carried map[string]packets `json:"carried"` // by who sent them
	// Tunnel is what each end let through it.
	Tunnel map[string]ipsec.Counters `json:"tunnel"`
	opened map[string][]wan.Rule
	good   bool // every path worked in the end
}

type packets struct {
	Through int64 `json:"through"`
	Lost    int64 `json:"lost"`
}

// join puts the link between the clusters, with both firewalls closed. Part takes it away again.
func (d *demo) join(ctx context.Context) (part func() error, err error) {
	if d.report.Link == nil {
		return func() error { return nil }, nil
	}
	if d.link, err = wan.Start(ctx, ipsec.Tunnel(d.world)); err != nil {
		return nil, fmt.Errorf("join the clusters by a link: %w", err)
	}
	return func() error { return d.link.Close(context.WithoutCancel(ctx)) }, nil
}

// refuse runs link before firewalls that are closed: it has to say no, and to name for every path the rule that is missing.
func (d *demo) refuse(ctx context.Context, i int) error {
	r, err := d.run(ctx, i, "apply", "--phase", link)
	if err != nil {
		return err
	}
	if r.Code != couldNot {
		return fmt.Errorf("with both firewalls closed it ended with exit code %d, not %d", r.Code, couldNot)
	}
	paths, _, err := rehearse.Reaches(r.Stdout)
	if err != nil {
		return err
	}
	part := d.report.Link
	part.opened, err = rehearse.Rules(paths)
	for _, p := range paths {
		if p.Crosses() {
			part.Refused = append(part.Refused, p.String())
			part.Rules = append(part.Rules, p.Rule)
			d.view.show("refused: %s; %s", p, p.Rule)
		}
	}
	return err
}

// open lets in front of each cluster what the tool named, and nothing else.
func (d *demo) open(ctx context.Context) error {
	var errs []error
	for _, c := range world.Clusters() {
		errs = append(errs, d.link.Open(ctx, c, d.report.Link.opened[c.Name]...))
	}
	return errors.Join(errs...)
}

// prove runs link, which now has to pass, and lets who only looks see every path once more: of those that passed before a run
// says nothing.
func (d *demo) prove(ctx context.Context, i int) (steps int, err error) {
	steps, err = d.verb(ctx, i, "apply", "--phase", link)
	if err != nil {
		return steps, err
	}
	r, err := d.run(ctx, i, "verify", "--phase", link)
	if err := errors.Join(err, r.Failed()); err != nil {
		return steps, err
	}
	paths, _, err := rehearse.Reaches(r.Stdout)
	d.report.Link.Paths = append(d.report.Link.Paths, paths...)
	for _, p := range paths {
		if !p.Good() {
			err = errors.Join(err, fmt.Errorf("%s", p))
		}
	}
	d.report.Link.good = err == nil
	return steps, err
}

// carried keeps what came through the link, and what of it through the tunnel.
func (d *demo) carried(ctx context.Context) (err error) {
	if d.link == nil {
		return nil
	}
	for _, c := range world.Clusters() {
		through, lost := d.link.Carried(c)
		d.report.Link.Carried[c.Name] = packets{through, lost}
		count, failed := ipsec.Count(context.WithoutCancel(ctx), d.world, c)
		d.report.Link.Tunnel[c.Name] = count
		err = errors.Join(err, failed)
	}
	return err
}

// problems is the verdict on the link: refused and named at first, good later, and used.
func (p *linkPart) problems() (out []string) {
	if p == nil {
		return nil
	}
	if len(p.Rules) == 0 {
		out = append(out, "link did not name the rules that were missing")
	}
	if !p.good {
		out = append(out, "link did not pass with the rules that it named")
	}
	for _, c := range world.Clusters() {
		if p.Carried[c.Name].Through == 0 {
			out = append(out, fmt.Sprintf("nothing of %s came through the link", c.Name))
		}
		if t := p.Tunnel[c.Name]; min(t.BytesIn, t.BytesOut) == 0 {
			out = append(out, fmt.Sprintf("nothing went through the tunnel's end in %s", c.Name))
		}
	}
	return out
}

// figures are the same, named as a person would.
func (p *linkPart) figures() [][2]string {
	if p == nil {
		return nil
	}
	out := [][2]string{{"paths that link refused while the firewalls were closed, of all", fmt.Sprintf("%d of %d", len(p.Refused), len(p.Paths))}}
	for _, rule := range p.Rules {
		out = append(out, [2]string{"opened, as link named it", rule})
	}
	for _, c := range world.Clusters() {
		t := p.Tunnel[c.Name]
		out = append(
			out,
			[2]string{"packets of " + c.Name + " through the link (lost)", fmt.Sprintf("%d (%d)", p.Carried[c.Name].Through, p.Carried[c.Name].Lost)},
			[2]string{"of these through the tunnel's end in " + c.Name, fmt.Sprintf("%d in, %d out; %d and %d bytes", t.PacketsIn, t.PacketsOut, t.BytesIn, t.BytesOut)},
		)
	}
	return out
}

func (p *linkPart) markdown() string {
	if p == nil {
		return ""
	}
	return table("link", p.figures())
}
