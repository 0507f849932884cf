package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/load/ledger"
	"cutover.dev/cutover/lab/world"
)

// report is out/act/report.json.
type report struct {
	At       time.Time         `json:"at"`
	Problems []string          `json:"problems"` // why it does not count; none: it does
	Seconds  float64           `json:"seconds"`  // of the workflow
	Jobs     []*job            `json:"jobs"`
	Requests ledger.Counters   `json:"requests"`
	Versions map[string]string `json:"versions"`
}

// write writes the report, and each job's summaries as GitHub would show them.
func (r *report) write(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	errs := []error{os.WriteFile(filepath.Join(dir, "report.json"), append(b, '\n'), 0o644)}
	for _, j := range r.Jobs {
		if text := j.Steps["plan"].Summary + j.Steps["apply"].Summary; text != "" {
			errs = append(errs, os.WriteFile(filepath.Join(dir, j.Name+".summary.md"), []byte(text), 0o644))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// print writes the table that the command ends with.
func (r *report) print(out io.Writer, dir string) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\njob\tseconds\tresult\tnext phase\tserved by new")
	for _, j := range r.Jobs {
		if len(j.Steps) == 0 {
			continue // what act says outside of jobs
		}
		apply := j.Steps["apply"]
		by, of := moved(apply.Summary)
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%d of %d\n", j.Name, j.Seconds, j.Result, apply.Outputs["next-phase"], by, of)
	}
	_ = w.Flush()
	fmt.Fprintf(out, "\n%d requests sent, %d lost, the load %d ms late (p99); %.0f s\n", r.Requests.Sent, r.Requests.Lost, r.Requests.LatenessMs, r.Seconds)
	for _, p := range r.Problems {
		fmt.Fprintf(out, "problem: %s\n", p)
	}
	fmt.Fprintf(out, "logs, summaries and report.json: %s\n", dir)
}

// versions says what took part.
func versions(ctx context.Context, w world.World) map[string]string {
	v := map[string]string{"go": runtime.Version(), "act": cache.Act, "kubernetes": cache.Kubernetes}
	if out, err := exec.CommandContext(context.WithoutCancel(ctx), "podman", "--version").Output(); err == nil {
		v["podman"] = strings.TrimSpace(strings.TrimPrefix(string(out), "podman version"))
	}
	return v
}

// seconds is a time with one decimal.
func seconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Millisecond)) / float64(time.Second)
}
