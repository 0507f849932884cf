package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cutover.dev/cutover/lab/ipsec"
	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// change makes the demo's plan one of what was asked for.
func (d *demo) change() error {
	if d.Names {
		if err := d.planNamed(); err != nil {
			return err
		}
	}
	if d.Link {
		return d.planLinked()
	}
	return nil
}

// planNamed lets the names of the plan move.
func (d *demo) planNamed() error {
	d.report.DNS = &dnsPart{Residual: []came{}}
	return d.replan(names.Plan())
}

// planLinked lets the plan begin with link, and the tool run where it reaches the API servers alone: all else goes by relays.
// Probes are few then, and may be slow: each one is work for API servers that share two cores with all the rest. The windows are shorter
// instead.
func (d *demo) planLinked() error {
	d.report.Link = &linkPart{Refused: []string{}, Rules: []string{}, Paths: []rehearse.Reached{}, Carried: map[string]packets{}, Tunnel: map[string]ipsec.Counters{}}
	d.tool.Net = world.NetRunner
	pairs := append([]string{"rate: 50", "rate: 40", "latency: 3", "latency: 10", "watch: 3s, drain: 3s", "watch: 2s, drain: 2s"}, rehearse.Linked...)
	if d.Names {
		pairs = append(pairs, "    margin: 1s\n", "    margin: 1s\n    from: old\n")
	}
	return d.replan(pairs)
}

// replan writes a plan that is the demo's but for pairs of text, beside the report.
func (d *demo) replan(pairs []string) error {
	from := d.Plan
	if !filepath.IsAbs(from) { // else it is such a plan already
		from = filepath.Join(d.root, from)
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	text := string(b)
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			return fmt.Errorf("%s does not have %q once, to be made %q", d.Plan, pairs[i], pairs[i+1])
		}
	}
	d.Plan = filepath.Join(d.Out, "plan.yaml")
	d.tool.Plan = d.Plan
	if err := os.WriteFile(d.Plan, []byte(strings.NewReplacer(pairs...).Replace(text)), 0o644); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// admit gives the tool the key of the zones, and the rights that its plan takes beyond those of the demo's own.
func (d *demo) admit(ctx context.Context) (err error) {
	if d.report.DNS != nil {
		if d.tool, err = rehearse.Named(d.world, d.tool); err != nil {
			return err
		}
	}
	if d.report.DNS == nil && d.report.Link == nil {
		return nil
	}
	return rehearse.Admit(ctx, d.world, d.tool)
}
