package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	maxListed = 20
	maxErrors = 50
)

// Verdict says in one line how it ended.
func Verdict(d Document) string {
	s := d.title() + ": " + d.Result
	switch {
	case d.Verb == "plan" && d.Result == "done": // who is tired takes "done" for the phase
		if s = d.title() + ": planned"; count(d.Steps)[Failed] > 0 {
			s = d.title() + ": cannot run as it is"
		}
	case d.Result == "waiting" && !d.NotBefore.IsZero():
		s += ", come back at " + d.NotBefore.UTC().Format(time.RFC3339)
	case d.Error != nil:
		if d.Mutated {
			s += " after something was changed"
		} else {
			s += ", nothing was changed"
		}
	}
	if len(d.Steps) > 0 {
		n := count(d.Steps)
		switch {
		case n[Reverted] > 0 && d.Verb == "apply":
			s += fmt.Sprintf("; %d of %d steps done, %d taken back", n[Done], len(d.Steps), n[Reverted])
		case n[Reverted] > 0:
			s += fmt.Sprintf("; %d of %d steps taken back", n[Reverted], len(d.Steps))
		case d.Verb == "plan":
			s += "; " + Counts(d.Steps)
		default:
			s += fmt.Sprintf("; %d of %d steps done", n[Done], len(d.Steps))
		}
	}
	if n := len(d.Adopted); n > 0 {
		s += "; " + plural(n, "change") + " taken in"
	}
	if t := Total(d.Requests); t.Sent > 0 {
		s += fmt.Sprintf("; %d requests, %d lost, %d wrong", t.Sent, t.Lost, t.Wrong)
	}
	if g := d.Database; g != nil {
		s += fmt.Sprintf("; the primary moved, majority writes stood for %s, %d of %d lost", millis(float64(g.GapMs.Retryable)), g.Lost, g.Writes)
	}
	return s + "; " + short(time.Duration(d.Seconds*float64(time.Second)))
}

// End writes what a person needs who just saw the run end: the error with its hints, what was done and what not, what
// the clusters show of it, and the commands to go on or back.
func End(w io.Writer, d Document) error {
	var b strings.Builder
	if d.Error != nil {
		lines := slices.Collect(strings.Lines(d.Error.Message))
		for _, line := range lines[:min(len(lines), maxErrors)] {
			if strings.HasPrefix(line, " ") { // it goes on with the error above
				fmt.Fprintf(&b, "%s\n", plain(strings.TrimRight(line, "\n")))
				continue
			}
			fmt.Fprintf(&b, "cutover: error: %s\n", plain(line))
		}
		if more := len(lines) - maxErrors; more > 0 { // a bridge that is down has as many as there are routes
			fmt.Fprintf(&b, "cutover: error: and %d lines more; --output json has them all\n", more)
		}
		for _, h := range d.Error.Hints {
			fmt.Fprintf(&b, "cutover: hint: %s\n", plain(h))
		}
	}
	if d.Error != nil {
		left, done := split(d.Steps)
		if !d.Mutated { // a run that changed nothing leaves nothing to put together but what an earlier one began
			left, done = slices.DeleteFunc(left, func(s Step) bool { return untouched(s) == 1 }), nil
		}
		list(&b, "not done", left)
		list(&b, "done", done)
	}
	if err := writeMatrix(&b, d.Link); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\n%s\n", plain(Verdict(d)))
	for _, u := range d.Unapproved {
		fmt.Fprintf(&b, "ran without the approval that the plan demands: %s\n", plain(u))
	}
	for _, c := range [][2]string{{"go on:   ", d.GoOn}, {"go back: ", d.GoBack}} {
		if c[1] != "" {
			fmt.Fprintf(&b, "%s %s\n", c[0], plain(c[1]))
		}
	}
	if d.Next != "" {
		fmt.Fprintf(&b, "next:     %s\n", plain(d.Next))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// split tells the steps that are where they should be from those that are not, of which those that were begun come first.
func split(steps []Step) (left, done []Step) {
	for _, s := range steps {
		if s.State == Done || s.State == Reverted {
			done = append(done, s)
		} else {
			left = append(left, s)
		}
	}
	slices.SortStableFunc(left, func(a, b Step) int { return cmp.Compare(untouched(a), untouched(b)) })
	return left, done
}

func untouched(s Step) int {
	if s.State == Pending || s.State == Proof {
		return 1
	}
	return 0
}

func list(b *strings.Builder, title string, steps []Step) {
	if len(steps) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, s := range steps[:min(len(steps), maxListed)] {
		detail := ""
		if s.State != Done && s.State != Pending {
			detail = " (" + plain(s.State) + ")"
		}
		fmt.Fprintf(b, "  %s%s\n", plain(s.ID), detail)
		for _, f := range s.Facts {
			fmt.Fprintf(b, "    seen: %s\n", plain(f))
		}
	}
	if more := len(steps) - maxListed; more > 0 {
		fmt.Fprintf(b, "  and %d more\n", more)
	}
}
