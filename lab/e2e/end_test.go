package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// endFile is where the undisturbed road leaves what a cluster holds at its end.
func (r *rig) endFile(c world.Cluster) string {
	return filepath.Join(r.tool.Dir, "out", "end", c.Name+".json")
}

// keep writes down what both clusters hold.
func (r *rig) keep(t *testing.T) {
	t.Helper()
	for _, c := range world.Clusters() {
		b, err := json.MarshalIndent(r.take(t, c), "", " ")
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(r.endFile(c)), 0o755), os.WriteFile(r.endFile(c), b, 0o644))
		}
		if err != nil {
			t.Fatalf("keep the end of the road: %v", err)
		}
	}
}

// sameEnd wants both clusters to be as the undisturbed road left them.
func (r *rig) sameEnd(t *testing.T) {
	for _, c := range world.Clusters() {
		b, err := os.ReadFile(r.endFile(c))
		if errors.Is(err, fs.ErrNotExist) {
			t.Fatal("there is no end of an undisturbed road to compare with: run TestAnEnvironmentMoves… first, as make e2e does")
		}
		var want rehearse.Snapshot
		if err == nil {
			err = json.Unmarshal(b, &want)
		}
		if err != nil || len(want) == 0 {
			t.Fatalf("read the end of the undisturbed road: %d objects, %v", len(want), err)
		}
		for _, d := range changes(want, r.take(t, c)) {
			t.Errorf("%s does not end as on the undisturbed road: %s", c.Name, d)
		}
	}
}
