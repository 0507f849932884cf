package plan_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/plan"
)

func TestTheDemoPlanLoadsAndSurvivesJSON(t *testing.T) {
	p, err := plan.Load(filepath.Join("..", "..", "plans", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"proxy", "routes", "migrate/shop", "migrate/live", "migrate/blog", "cleanup"}
	if diff := cmp.Diff(want, p.Phases()); diff != "" {
		t.Error(diff)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	again := &plan.Plan{Path: p.Path}
	if err := json.Unmarshal(data, again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, again); diff != "" {
		t.Error(diff)
	}
	second, err := plan.Decode("again", data)
	if err != nil {
		t.Fatalf("a plan with all its defaults written out is a plan: %v", err)
	}
	if second.Digest() != p.Digest() {
		t.Error("the same plan, written otherwise, has another digest")
	}
}
