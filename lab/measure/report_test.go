package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFiguresAreAddedToWhatTheReportHasAlready(t *testing.T) {
	f := reportFile(filepath.Join(t.TempDir(), "report.json"))
	before := `{"machine": {"cores": 2}, "results": [{"name": "a", "ratio": 1, "target": 3, "ours": 1, "floor": 1, "unit": "s"}, {"name": "b", "ratio": 9, "target": 0, "ours": 9, "unit": "ms"}]}`
	if err := os.WriteFile(string(f), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.note(beside("b", 6, 4, "ms"), atMost("c", 40, 41, "MiB")); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Machine map[string]int
		Results []result
	}
	text, err := os.ReadFile(string(f))
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []result{{"a", 1, 3, 1, 1, "s"}, {"b", 1.5, 0, 6, 4, "ms"}, {"c", 41.0 / 40, 40, 41, 0, "MiB"}}
	if got.Machine["cores"] != 2 || len(got.Results) != 3 || got.Results[0] != want[0] || got.Results[1] != want[1] || got.Results[2] != want[2] {
		t.Errorf("the report is %s", text)
	}
	for _, field := range []string{`"name"`, `"ratio"`, `"target"`, `"ours"`, `"floor"`, `"unit"`} { // what is 0 is there too
		if n := strings.Count(string(text), field); n != len(want) {
			t.Errorf("the report has %s %d times for %d figures: %s", field, n, len(want), text)
		}
	}
	if said := want[1].String(); !strings.Contains(said, "x1.50") || !strings.Contains(said, "+2.00") {
		t.Errorf("a figure beside its floor is printed as %q", said)
	}
	if said := want[2].String(); !strings.HasSuffix(said, "MISSED") {
		t.Errorf("more than the target is printed as %q", said)
	}
}

func TestAReportIsBegunWhereThereIsNone(t *testing.T) {
	f := reportFile(filepath.Join(t.TempDir(), "report.json"))
	if err := f.note(beside("a", 2, 1, "s")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(string(f)); err != nil || !strings.Contains(string(text), `"name": "a"`) {
		t.Errorf("the report is %s (%v)", text, err)
	}
}

func TestAReportThatCannotBeReadIsNotWrittenOver(t *testing.T) {
	f := reportFile(filepath.Join(t.TempDir(), "report.json"))
	if err := os.WriteFile(string(f), []byte("half of {"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.note(beside("a", 2, 1, "s")); err == nil {
		t.Error("no error")
	}
	if text, err := os.ReadFile(string(f)); err != nil || string(text) != "half of {" {
		t.Errorf("the report is %s (%v)", text, err)
	}
}
