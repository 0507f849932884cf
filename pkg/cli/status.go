package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"cutover.dev/cutover/pkg/report"
)

// situation is where the migration stands, as status shows it.
type situation struct {
	Plan    string     `json:"plan"`
	Through string     `json:"through"`
	Holder  string     `json:"holder,omitempty"`
	Phases  []statusOf `json:"phases"`

	// Back is what rollback --to would take back, newest first; null without --to.
	Back []string `json:"back,omitzero"`

	// Residual is what came to old's entry since names lead to new, Uncounted why that could not be counted.
	Residual  []report.Late `json:"residual,omitempty"`
	Uncounted string        `json:"uncounted,omitempty"`
}

type statusOf struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
}

// status shows where the migration stands.
func status(ctx context.Context, c *call) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.read(ctx); err != nil {
		return err
	}
	now, err := s.situation(ctx)
	if err != nil {
		return err
	}
	if c.action != nil {
		c.publish(report.Document{
			Verb: "status", Result: "done", Plan: now.Plan, Back: now.Back, Served: s.served(ctx), Residual: now.Residual, Uncounted: now.Uncounted,
		}, true)
	}
	if c.flags.Output == "json" {
		return writeJSON(c.stdout, now)
	}
	return now.print(c.stdout, c.flags.To)
}

func (s *session) situation(ctx context.Context) (now situation, err error) {
	now.Plan, now.Through = s.plan.Metadata.Name, s.plan.Spec.Through
	for _, stop := range s.stops {
		now.Phases = append(now.Phases, statusOf{stop.Name, stop.State, stop.Why})
	}
	if s.call.flags.To != "" {
		if now.Back, err = s.backward(); err != nil {
			return now, err
		}
	}
	holder, err := s.lease.Holder(ctx)
	if err != nil {
		return now, unsure(fmt.Errorf("ask who holds the lock: %w", err))
	}
	if holder != nil {
		now.Holder = holder.Holder
	}
	now.Residual, now.Uncounted = s.residual(ctx, counting)
	return now, nil
}

func (now situation) print(w io.Writer, to string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range now.Phases {
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.Name, r.State, clean(r.Why))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if to != "" {
		fmt.Fprintf(w, "\nback to %s: %s\n", clean(to), first(strings.Join(now.Back, ", "), "nothing to take back"))
	}
	if now.Holder != "" {
		fmt.Fprintf(w, "\nlocked by %s\n", clean(now.Holder))
	}
	return report.WriteLate(w, now.Residual, now.Uncounted)
}
