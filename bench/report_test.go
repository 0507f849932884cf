package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// result is one figure beside what it is measured against. Without a floor the ratio is of the target itself, so that in
// every result more than Target is a miss.
type result struct {
	Name   string  `json:"name"`
	Ratio  float64 `json:"ratio"`  // ours / floor
	Target float64 `json:"target"` // the ratio at most; without a floor, ours at most; 0: none is set, the figure is stated
	Ours   float64 `json:"ours"`
	Floor  float64 `json:"floor"` // 0: there is none
	Unit   string  `json:"unit"`
}

func (r result) missed() bool {
	return r.Target > 0 && (r.Floor > 0 && r.Ratio > r.Target || r.Floor == 0 && r.Ours > r.Target)
}

func (r result) String() string {
	verdict := "ok"
	if r.missed() {
		verdict = "MISSED"
	}
	if r.Floor == 0 {
		return fmt.Sprintf("%-72s %8.1f %s, at most %g: %s", r.Name, r.Ours, r.Unit, r.Target, verdict)
	}
	if r.Target == 0 {
		return fmt.Sprintf("%-72s x%-5.2f (%.2f against %.2f %s)", r.Name, r.Ratio, r.Ours, r.Floor, r.Unit)
	}
	return fmt.Sprintf("%-72s x%-5.2f (%.2f against %.2f %s), at most x%g: %s", r.Name, r.Ratio, r.Ours, r.Floor, r.Unit, r.Target, verdict)
}

// report is the file: what this run and others before it found out.
type report struct {
	Results []result       `json:"results"`
	Machine map[string]any `json:"machine"`
}

// against notes a time, or another amount, beside that of the floor.
func against(b *testing.B, name string, target, ours, floor float64, unit string) {
	note(b, result{Name: name, Ratio: ours / floor, Target: target, Ours: ours, Floor: floor, Unit: unit})
}

// stated notes an amount beside that of the floor, without a target.
func stated(b *testing.B, name string, ours, floor float64, unit string) {
	against(b, name, 0, ours, floor, unit)
}

// atMost notes an amount that has no floor.
func atMost(b *testing.B, name string, target, ours float64, unit string) {
	note(b, result{Name: name, Ratio: ours / target, Target: target, Ours: ours, Unit: unit})
}

// reportFile is where `make bench` collects them.
var reportFile = filepath.Join("..", "out", "bench", "report.json")

// note prints a result and puts it into the report.
func note(b *testing.B, r result) {
	b.Helper()
	fmt.Println(r)
	if err := r.into(reportFile); err != nil {
		b.Fatal(err)
	}
}

// into puts a result into a report, in place of an earlier one of that name.
func (r result) into(file string) error {
	var all report
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, &all); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
	}
	all.Results = append(slices.DeleteFunc(all.Results, func(other result) bool { return other.Name == r.Name }), r)
	all.Machine = map[string]any{"cores": runtime.NumCPU(), "arch": runtime.GOARCH, "go": runtime.Version()}
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755) //nolint:gosec // for whoever runs it
	}
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644) //nolint:gosec // the same
	}
	return err
}
