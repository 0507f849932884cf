package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// verbs are the words of a plan for the states of a step.
var verbs = map[string]string{
	Pending: "do", Settling: "going on", Done: "there", Failed: "BLOCKED", Unsure: "UNSURE", Proof: "prove",
}

// Plan writes the plan of a phase as a table, then every difference between what is there and what is wanted. d comes
// with its Digest and its Steps from Planned.
func Plan(w io.Writer, d Document) error {
	fmt.Fprintf(w, "phase %s of %s\ndigest %s\n", plain(d.Phase), plain(d.Plan), plain(d.Digest))
	group := ""
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range d.Steps {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(table, "\n%s\n", plain(group))
		}
		title := plain(s.Title)
		if s.State == Failed || s.State == Unsure {
			title += ": " + plain(s.Detail)
		}
		if s.Final != "" {
			title += "  [no way back: " + plain(s.Final) + "]"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", verbs[s.State], plain(s.ID), title)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	for _, s := range d.Steps {
		if s.Diff == "" || s.State == Done {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", plain(s.ID))
		for line := range strings.Lines(strings.TrimRight(visible(s.Diff), "\n")) {
			fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\n"))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", Counts(d.Steps))
	if d.WayBack != "" && err == nil {
		_, err = fmt.Fprintf(w, "way back: %s\n", plain(d.WayBack))
	}
	return err
}

// Counts says in a line what a plan comes to.
func Counts(steps []Step) string {
	n := count(steps)
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(n[Pending], "to do")
	add(n[Settling], "going on")
	add(n[Done], "there already")
	add(n[Proof], "to prove")
	add(n[Failed], "blocked")
	add(n[Unsure], "could not tell")
	final := 0
	for _, s := range steps {
		if s.Final != "" && s.State != Done {
			final++
		}
	}
	add(final, "without a way back (--allow-irreversible)")
	if len(parts) == 0 {
		return "no steps"
	}
	return strings.Join(parts, ", ")
}

// wayBack is the line on what going back costs from here. A run that failed names the command instead.
func wayBack(d Document) string {
	if d.WayBack == "" {
		return ""
	}
	return "Way back: " + cell(d.WayBack) + "\n"
}
