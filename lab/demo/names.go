package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// dnsPart is what became of the names.
type dnsPart struct {
	TTLBefore   uint32  `json:"ttlBefore"`   // seconds, the longest of all hosts
	TTLAfter    uint32  `json:"ttlAfter"`    // the same once it was lowered
	SwapSeconds float64 `json:"swapSeconds"` // from the first name that a name server led to new to the last
	Residual    []came  `json:"residual"`    // what came to old's entry since no cache that keeps to the rules led there

	swapped bool // every name was seen at new, at every name server
}

// came is what the tool says of it, just before the clients end that still come.
type came struct {
	Hosts    []string  `json:"hosts"`
	Requests int       `json:"requests"`
	Since    time.Time `json:"since"`
}

// late are the clients that need not follow the names: they end before cleanup.
var late = []string{rehearse.Stayers, rehearse.Stretched, rehearse.Keepers}

// names runs one act on names and measures it from outside.
func (d *demo) names(ctx context.Context, a act, carryOut func() (int, error)) (steps int, err error) {
	if a.Phase == "ttl" {
		if d.report.DNS.TTLBefore, err = names.Longest(ctx); err != nil {
			return 0, err
		}
		steps, err = carryOut()
		after, failed := names.Longest(ctx)
		d.report.DNS.TTLAfter = after
		return steps, errors.Join(err, failed)
	}
	ctx, stop := context.WithCancel(ctx)
	seen := make(chan names.Spread, 1)
	go func() { seen <- names.Watch(ctx, world.New.Entry) }()
	steps, err = carryOut()
	stop() // a phase that ended well has seen all of it
	if s := <-seen; !s.Last.IsZero() {
		d.report.DNS.SwapSeconds, d.report.DNS.swapped = round(s.Last.Sub(s.First)), true
	}
	return steps, err
}

// ofNames says whether an act is one of names.
func (d *demo) ofNames(a act) bool {
	return d.report.DNS != nil && a.Do == apply && slices.Contains([]string{"ttl", "dns"}, a.Phase)
}

// residual asks the tool who still comes to old's entry.
func (d *demo) residual(ctx context.Context) error {
	r, err := d.tool.Verb(ctx, nil, "status")
	if err != nil {
		return err
	}
	var s struct {
		Residual  []came
		Uncounted string
	}
	if err := json.Unmarshal(r.Stdout, &s); err != nil {
		return fmt.Errorf("read the status %q: %w", r.Stdout, err)
	}
	if s.Uncounted != "" {
		return fmt.Errorf("who still comes to old's entry could not be counted: %s", s.Uncounted)
	}
	d.report.DNS.Residual = append(d.report.DNS.Residual, s.Residual...)
	return nil
}

// endLate ends the clients that are at old's entry, or may be.
func (d *demo) endLate(ctx context.Context) error {
	if d.report.DNS == nil {
		return d.load.End(rehearse.Stayers)
	}
	errs := []error{d.residual(ctx)}
	for _, group := range late {
		errs = append(errs, d.load.End(group))
	}
	return errors.Join(errs...)
}

// total is all that came.
func (p *dnsPart) total() (n int) {
	for _, c := range p.Residual {
		n += c.Requests
	}
	return n
}

// problems is the verdict on the names: lowered, swapped everywhere, and late clients counted.
func (p *dnsPart) problems() (out []string) {
	if p == nil {
		return nil
	}
	if p.TTLBefore != names.TTL || p.TTLAfter >= p.TTLBefore || p.TTLAfter == 0 {
		out = append(out, fmt.Sprintf("the TTL was %d s and then %d s", p.TTLBefore, p.TTLAfter))
	}
	if !p.swapped {
		out = append(out, "nobody saw the names swapped")
	}
	if p.total() == 0 {
		out = append(out, "clients that do not follow their names were not counted at old's entry")
	}
	return out
}

// figures are the same, named as a person would.
func (p *dnsPart) figures() [][2]string {
	if p == nil {
		return nil
	}
	return [][2]string{
		{"TTL before and during the move", fmt.Sprintf("%d s / %d s", p.TTLBefore, p.TTLAfter)},
		{"from the first name at new to the last, at every name server", fmt.Sprintf("%.1f s", p.SwapSeconds)},
		{"requests at old's entry that no cache led there", fmt.Sprint(p.total())},
	}
}

func (p *dnsPart) markdown() string {
	if p == nil {
		return ""
	}
	var s strings.Builder
	s.WriteString(table("names", p.figures()) + "\n| came to old's entry for | requests | since |\n|---|---|---|\n")
	for _, c := range p.Residual {
		fmt.Fprintf(&s, "| %s | %d | %s |\n", strings.Join(c.Hosts, ", "), c.Requests, c.Since.UTC().Format(time.RFC3339))
	}
	return s.String()
}
