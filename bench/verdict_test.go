package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What misses its target has to be seen by who reads the output, and by who reads the file.
func TestAMissedTargetIsSaidAndStandsInTheReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out", "report.json")
	for _, c := range []struct {
		result
		verdict string
	}{
		{result{Name: "above the ratio", Ratio: 1.4, Target: 1.3, Ours: 14, Floor: 10, Unit: "s"}, "MISSED"},
		{result{Name: "at the ratio", Ratio: 1.3, Target: 1.3, Ours: 13, Floor: 10, Unit: "s"}, "ok"},
		{result{Name: "above the amount", Ratio: 1.004, Target: 256, Ours: 257, Unit: "MiB"}, "MISSED"},
		{result{Name: "a small ratio of a large amount", Ratio: 2, Target: 3, Ours: 600, Floor: 300, Unit: "s"}, "ok"},
		{result{Name: "below the amount", Ratio: 0.5, Target: 256, Ours: 128, Unit: "MiB"}, "ok"},
		{result{Name: "only stated", Ratio: 9, Ours: 9, Floor: 1, Unit: "ms"}, ""},
	} {
		said := c.String()
		if got := last(said); c.verdict != "" && got != c.verdict || c.verdict == "" && (strings.Contains(said, "ok") || strings.Contains(said, "MISSED")) {
			t.Errorf("%s: it says %q, want %q", c.Name, said, c.verdict)
		}
		if c.missed() != (c.verdict == "MISSED") {
			t.Errorf("%s: missed is %v", c.Name, c.missed())
		}
		for range 2 { // an earlier figure of that name is replaced
			if err := c.into(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	var report struct{ Results []map[string]any }
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil || len(report.Results) != 6 {
		t.Fatalf("%d results (%v) in %s", len(report.Results), err, text)
	}
	missed := 0
	for _, r := range report.Results {
		var fields []string
		for name := range r {
			fields = append(fields, name)
		}
		if slices.Sort(fields); strings.Join(fields, " ") != "floor name ours ratio target unit" {
			t.Errorf("a result has the fields %q", fields)
		}
		if ratio, target := number(t, r["ratio"]), number(t, r["target"]); target > 0 && (number(t, r["floor"]) > 0 && ratio > target || number(t, r["floor"]) == 0 && number(t, r["ours"]) > target) {
			missed++
		}
	}
	if missed != 2 {
		t.Errorf("by the file %d targets are missed, not 2: %s", missed, text)
	}
}

func last(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

func number(t *testing.T, v any) float64 {
	t.Helper()
	n, ok := v.(float64)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	return n
}
