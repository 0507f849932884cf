package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"cutover.dev/cutover/lab/load/ledger"
)

// report is out/demo/report.json.
type report struct {
	At           time.Time         `json:"at"`
	Verdict      string            `json:"verdict"`
	Problems     []string          `json:"problems"` // why it does not count; none: it does
	Seconds      float64           `json:"seconds"`  // all of it, but for taking the lab down
	LabUpSeconds float64           `json:"labUpSeconds"`
	Phases       []phaseRow        `json:"phases"`
	Requests     ledger.Counters   `json:"requests"`
	Database     database          `json:"database"`
	DNS          *dnsPart          `json:"dns,omitempty"`    // nil: no name moved
	Link         *linkPart         `json:"link,omitempty"`   // nil: the clusters are on one network
	Rights       *rightsPart       `json:"rights,omitempty"` // nil: they were not compared
	Machine      map[string]any    `json:"machine"`
	Versions     map[string]string `json:"versions"`
}

// phaseRow is one act that was run.
type phaseRow struct {
	Name    string  `json:"name"`
	Verb    string  `json:"verb"`
	Seconds float64 `json:"seconds"`
	Steps   int     `json:"steps"`
	OK      bool    `json:"ok"`
}

func newReport() report {
	return report{At: time.Now(), Problems: []string{}, Phases: []phaseRow{}, Machine: machine()}
}

// finish adds the numbers and the verdict.
func (r *report) finish(ctx context.Context, d *demo, c ledger.Counters, failure error) {
	r.Seconds, r.Requests, r.Versions = round(time.Since(r.At)), c, versions(ctx, d)
	r.Problems = slices.Concat(problems(c, d.Least, failure), r.Database.problems(), r.DNS.problems(), r.Link.problems(), r.Rights.problems())
	r.Verdict = fmt.Sprintf("%d requests sent and %d writes acknowledged, none lost", c.Sent, r.Database.Writes)
	if len(r.Problems) > 0 {
		r.Verdict = fmt.Sprintf("does not count: %s", strings.Join(r.Problems, "; "))
	}
}

// problems is the verdict: nothing lost of enough requests, and everything was played to the end.
func problems(c ledger.Counters, least int, failure error) []string {
	out := []string{}
	if failure != nil {
		out = append(out, failure.Error())
	}
	if c.Lost > 0 {
		out = append(out, fmt.Sprintf("%d requests were lost", c.Lost))
	}
	if c.Sent < least {
		out = append(out, fmt.Sprintf("only %d requests were sent, %d are needed", c.Sent, least))
	}
	if c.Inconclusive && c.Lost > 0 {
		out = append(out, fmt.Sprintf("the machine was too busy to tell: the load was %d ms late (99th percentile)", c.LatenessMs))
	}
	return out
}

func (r *report) write(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "report.json"), append(b, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, "report.md"), []byte(r.markdown()), 0o644),
	); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// print writes the table that the demo ends with.
func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nphase\tseconds\tsteps\t")
	for _, p := range r.Phases {
		fmt.Fprintf(w, "%s\t%.1f\t%s\t%s\n", p.Name, p.Seconds, steps(p), failed(p))
	}
	fmt.Fprintln(w)
	for _, line := range slices.Concat(r.figures(), r.Database.figures(), r.DNS.figures(), r.Link.figures(), r.Rights.figures()) {
		fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
	}
	_ = w.Flush()
	fmt.Fprintf(out, "\n%s\n", r.Verdict)
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# cutover demo\n\n**%s**\n\n", r.Verdict)
	fmt.Fprintf(&b, "%s, %.0f s in all.\n\n| phase | seconds | steps | |\n|---|---|---|---|\n", r.At.Format(time.RFC3339), r.Seconds)
	for _, p := range r.Phases {
		fmt.Fprintf(&b, "| %s | %.1f | %s | %s |\n", p.Name, p.Seconds, steps(p), failed(p))
	}
	b.WriteString(table("requests", slices.Concat(r.figures(), r.Rights.figures())) + r.Database.markdown() + r.DNS.markdown() + r.Link.markdown())
	fmt.Fprint(&b, "\n| host and path | sent | lost | longest gap, ms |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(r.Requests.ByTarget)) {
		t := r.Requests.ByTarget[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", name, t.Sent, t.Lost, t.LongestGapMs)
	}
	if len(r.Requests.Bad) > 0 {
		fmt.Fprint(&b, "\nThe first that were lost:\n\n| at | entry | request | class | why |\n|---|---|---|---|---|\n")
		for _, e := range r.Requests.Bad {
			fmt.Fprintf(&b, "| %s | %s | %s %s%s | %s | %s |\n", e.At.Format("15:04:05.000"), e.Entry, e.Method, e.Host, e.Path, e.Class,
				strings.ReplaceAll(strings.ReplaceAll(e.Detail, "|", "/"), "\n", " "))
		}
	}
	fmt.Fprintf(&b, "\nMachine: %v. Versions: %v.\n", r.Machine, r.Versions)
	return b.String()
}

// table is figures of one subject, in two columns.
func table(of string, figures [][2]string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "\n| %s | |\n|---|---|\n", of)
	for _, line := range figures {
		fmt.Fprintf(&s, "| %s | %s |\n", line[0], line[1])
	}
	return s.String()
}

// figures are the counters, named as a person would.
func (r *report) figures() [][2]string {
	c := r.Requests
	out := [][2]string{{"sent", fmt.Sprint(c.Sent)}, {"lost", fmt.Sprint(c.Lost)}}
	for _, name := range slices.Sorted(maps.Keys(c.ByCluster)) {
		out = append(out, [2]string{"answered by " + name, fmt.Sprintf("%d, longest gap %d ms", c.ByCluster[name], c.GapMs[name])})
	}
	for _, name := range slices.Sorted(maps.Keys(c.ByGroup)) {
		g := c.ByGroup[name]
		out = append(out, [2]string{"of " + name + ": sent, lost", fmt.Sprintf("%d, %d (by entry %v)", g.Sent, g.Lost, g.ByEntry)})
	}
	for _, class := range slices.Sorted(maps.Keys(c.ByClass)) {
		out = append(out, [2]string{"ended as " + string(class), fmt.Sprint(c.ByClass[class])})
	}
	return append(
		out,
		[2]string{"longest time without an answer", fmt.Sprintf("%d ms", c.LongestGapMs)},
		[2]string{"repeated by the clients themselves", fmt.Sprint(c.Repeated)},
		[2]string{"lateness of the load (p99)", fmt.Sprintf("%d ms", c.LatenessMs)},
	)
}

func steps(p phaseRow) string {
	if p.Steps == 0 {
		return "-"
	}
	return fmt.Sprint(p.Steps)
}

func failed(p phaseRow) string {
	if p.OK {
		return ""
	}
	return "failed"
}

// round is a time in seconds with one decimal.
func round(d time.Duration) float64 {
	return float64(d.Round(100*time.Millisecond)) / float64(time.Second)
}
