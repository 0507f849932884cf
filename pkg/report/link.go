package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"cutover.dev/cutover/pkg/engine"
)

// The names of facts that say what was seen of the way between both sides, as pkg/phase/link writes them.
const (
	PathPrefix = "link.path/" // the start of the name: a list of paths
	RangesFact = "link.ranges"
	OneWayFact = "link.oneWay"
)

// Link is which side reaches what.
type Link struct {
	Paths    []Path   `json:"paths"`
	OneWay   string   `json:"oneWay,omitempty"`   // which of the two directions alone works, in words
	Overlaps []string `json:"overlaps,omitempty"` // addresses that both sides use
}

// Path is one direction, as it was seen last.
type Path struct {
	What      string   `json:"what"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	Addresses []string `json:"addresses,omitempty"` // what its name means there
	State     string   `json:"state"`               // open, refused, timed out, …
	Millis    float64  `json:"ms,omitempty"`        // until it was connected
	Large     bool     `json:"large,omitempty"`     // large packets were seen to arrive
	Why       string   `json:"why,omitempty"`
	Rule      string   `json:"rule,omitempty"`  // of a firewall, which is missing
	Later     string   `json:"later,omitempty"` // the field of the plan that starts what listens there

	IfRejected string `json:"ifRejected,omitempty"` // the rule that is missing if it is a firewall that refuses, and not that nobody listens yet

	Earlier bool `json:"earlier,omitempty"` // it was an earlier run that saw it, and proved it
}

// linked takes in what facts say of paths; l is nil as long as nothing did.
func linked(l *Link, facts map[string]any) *Link {
	for name, value := range facts {
		switch {
		case strings.HasPrefix(name, PathPrefix):
			if paths, ok := read[[]Path](value); ok {
				l = l.with(func(l *Link) { l.take(paths) })
			}
		case name == RangesFact:
			if seen, ok := read[struct{ Overlaps []string }](value); ok {
				l = l.with(func(l *Link) { l.Overlaps = seen.Overlaps })
			}
		case name == OneWayFact:
			if words, ok := read[string](value); ok {
				l = l.with(func(l *Link) { l.OneWay = words })
			}
		}
	}
	return l
}

// read is a fact in the form of this package, as it would be read from a journal.
func read[T any](value any) (out T, ok bool) {
	text, err := json.Marshal(value)
	return out, err == nil && json.Unmarshal(text, &out) == nil
}

// Reached takes in what lines of a plan saw of paths; l may be nil.
func Reached(l *Link, lines []engine.Line) *Link {
	for _, line := range lines {
		l = linked(l, line.Seen.Facts)
	}
	return l
}

// Earlier takes in what earlier runs saw of paths, where this one did not look.
func (l *Link) Earlier(paths []Path) *Link {
	for _, p := range paths {
		if !slices.ContainsFunc(l.Paths, p.same) {
			p.Earlier = true
			l = l.with(func(l *Link) { l.take([]Path{p}) })
		}
	}
	return l
}

// same: it is the same direction.
func (p Path) same(o Path) bool { return o.From == p.From && o.To == p.To }

// with is a changed copy: a document that was handed out stays as it is.
func (l *Link) with(change func(*Link)) *Link {
	next := &Link{}
	if l != nil {
		*next = *l
		next.Paths = slices.Clone(l.Paths)
	}
	change(next)
	return next
}

func (l *Link) take(paths []Path) {
	for _, p := range paths {
		i := slices.IndexFunc(l.Paths, p.same)
		if i < 0 {
			l.Paths = append(l.Paths, p)
			continue
		}
		l.Paths[i] = p
	}
	slices.SortStableFunc(l.Paths, func(a, b Path) int { return strings.Compare(a.From+" "+a.What+" "+a.To, b.From+" "+b.What+" "+b.To) })
}

// waits: nobody can listen there yet, and that it is refused is all that shows.
func (p Path) waits() bool {
	return p.Later != "" && (p.State == "refused" || p.State == "no answer")
}

// shown is the state with what belongs to it.
func (p Path) shown() string {
	text := p.State
	if p.State == "open" && p.Millis > 0 {
		text += fmt.Sprintf(", %.1fms", p.Millis)
	}
	if p.State == "open" && p.Large {
		text += ", large packets too"
	}
	if p.waits() {
		text += ", until " + p.Later + " is applied"
	}
	if p.Earlier {
		text += ", as an earlier run saw it"
	}
	return text
}

// ifRejected comes before a rule that need not be missing.
const ifRejected = "if a firewall rejects: "

// missing is a rule of a firewall, or what it depends on.
func (p Path) missing() string {
	if p.IfRejected != "" {
		return ifRejected + p.IfRejected
	}
	return p.Rule
}

// matrix is who reaches what, as Markdown.
func matrix(l *Link) string {
	if l == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("| from | to | | seen | missing |\n|---|---|---|---|---|\n")
	for _, p := range l.Paths {
		seen := cell(p.shown())
		if p.State != "open" && !p.waits() {
			seen = "**" + seen + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(p.From), cell(p.To), cell(p.What), seen, cell(p.missing()))
	}
	if l.OneWay != "" {
		fmt.Fprintf(&b, "\n**%s**\n", cell(l.OneWay))
	}
	for _, o := range l.Overlaps {
		fmt.Fprintf(&b, "\nIn both: %s\n", cell(o))
	}
	return b.String()
}

// writeMatrix is the same for a terminal.
func writeMatrix(w io.Writer, l *Link) error {
	if l == nil {
		return nil
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range l.Paths {
		fmt.Fprintf(table, "%s ->\t%s\t%s\t%s\n", plain(p.From), plain(p.To), plain(p.What), plain(p.shown()))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range l.Paths {
		if p.Rule != "" {
			fmt.Fprintf(w, "missing: %s\n", plain(p.Rule))
		}
		if p.IfRejected != "" {
			fmt.Fprintf(w, "%s%s\n", ifRejected, plain(p.IfRejected))
		}
	}
	if l.OneWay != "" {
		fmt.Fprintf(w, "%s\n", plain(l.OneWay))
	}
	for _, o := range l.Overlaps {
		fmt.Fprintf(w, "in both: %s\n", plain(o))
	}
	return nil
}
