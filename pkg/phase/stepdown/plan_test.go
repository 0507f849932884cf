package stepdown

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/phase/members/memberstest"
	"cutover.dev/cutover/pkg/report"
)

var update = flag.Bool("update", false, "write the golden files")

// What a person reads before the votes move: for each step, who could elect a primary if the link is cut then, or the primary gone.
func TestThePlanSaysWhoCanElectAtEachStep(t *testing.T) {
	for _, shape := range [][2]int{{3, 3}, {5, 2}, {1, 3}} {
		memberstest.Run(t, 1, shape[0], shape[1], func(t *testing.T, s *memberstest.Set) {
			e := &engine.Engine{Store: journalOf(t, s), Run: "test", Seed: "test"}
			lines, _, err := e.Plan(t.Context(), New(s.Deps))
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := report.Plan(&got, report.Document{Phase: Name, Plan: "test", Digest: "…", Steps: report.Planned(lines)}); err != nil {
				t.Fatal(err)
			}
			golden(t, strconv.Itoa(shape[0])+"-and-"+strconv.Itoa(shape[1])+".txt", got.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil { //nolint:gosec // it is for everybody
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not what %s says (go test -update rewrites it):\n%s", file, got)
	}
}
