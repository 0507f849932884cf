package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Late is what came to old's entry for some hosts although their names lead to new.
type Late struct {
	Hosts    []string  `json:"hosts"` // counted together
	Requests int64     `json:"requests"`
	Since    time.Time `json:"since"`
	Unsure   string    `json:"unsure,omitempty"` // why it may be more
}

const (
	lateTitle = "came to old's entry, though their names lead to new (requests of cutover itself are among it)"
	uncounted = "who still comes to old's entry could not be counted"
)

// came are those that somebody came for; others is of how many hosts nobody did, since at least that moment.
func came(all []Late) (some []Late, others int, at time.Time) {
	seen, none := map[string]bool{}, map[string]bool{}
	for _, l := range all {
		if l.Requests > 0 || l.Unsure != "" {
			some = append(some, l)
		} else if l.Since.After(at) {
			at = l.Since
		}
		for _, host := range l.Hosts {
			none[host] = true
			seen[host] = seen[host] || l.Requests > 0 || l.Unsure != ""
		}
	}
	for host := range none {
		if !seen[host] {
			others++
		}
	}
	return some, others, at
}

func (l Late) what() string {
	if l.Unsure != "" {
		return fmt.Sprintf("%d or more: %s", l.Requests, l.Unsure)
	}
	return fmt.Sprint(l.Requests)
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// WriteLate writes it for a terminal; why says why nothing could be counted. Of neither it writes nothing.
func WriteLate(w io.Writer, all []Late, why string) error {
	if why != "" {
		_, err := fmt.Fprintf(w, "\n%s: %s\n", uncounted, plain(why))
		return err
	}
	if len(all) == 0 {
		return nil
	}
	some, others, at := came(all)
	if len(some) > 0 {
		fmt.Fprintf(w, "\n%s:\n", lateTitle)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, l := range some {
		fmt.Fprintf(table, "%s\t%s\tsince %s\n", plain(strings.Join(l.Hosts, ", ")), plain(l.what()), moment(l.Since))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if others > 0 {
		_, err := fmt.Fprintf(w, "\nnobody came to old's entry for %s since %s\n", plural(others, "host"), moment(at))
		return err
	}
	return nil
}

// late is the same for the summary, with this many lines at most.
func late(d Document, limit int) string {
	if d.Uncounted != "" {
		return fmt.Sprintf("%s: %s\n", strings.ToUpper(uncounted[:1])+uncounted[1:], cell(d.Uncounted))
	}
	if len(d.Residual) == 0 {
		return ""
	}
	some, others, at := came(d.Residual)
	var b strings.Builder
	if len(some) > 0 {
		fmt.Fprintf(&b, "| %s | requests | since |\n|---|--:|---|\n", lateTitle)
	}
	for _, l := range some[:min(len(some), limit)] {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(strings.Join(l.Hosts, ", ")), cell(l.what()), moment(l.Since))
	}
	if more := len(some) - limit; more > 0 {
		fmt.Fprintf(&b, "\nand %s, listed in the JSON document\n", plural(more, "more line"))
	}
	if others > 0 {
		fmt.Fprintf(&b, "\nNobody came to old's entry for %s since %s.\n", plural(others, "host"), moment(at))
	}
	return b.String()
}
