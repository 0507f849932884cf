package plan_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/plan"
)

func TestTheDemoPlanLoadsAndSurvivesJSON(t *testing.T) {
	p, err := plan.Load(filepath.Join("..", "..", "plans", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"join", "proxy", "routes", "migrate/shop", "migrate/live", "stepdown", "migrate/blog", "cleanup"}
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

func TestMovingOnIsNoOtherPlanButAnyOtherFieldIs(t *testing.T) {
	load := func() *plan.Plan {
		p, err := plan.Load(filepath.Join("testdata", "good", "full.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	was := load().Digest()
	on := load()
	on.Spec.Through, on.Path = "cleanup", "elsewhere.yaml"
	if on.Digest() != was {
		t.Error("through or the path of the file changes the digest")
	}
	for name, change := range map[string]func(*plan.Spec){
		"bridge":   func(s *plan.Spec) { s.Bridge.Port++ },
		"workload": func(s *plan.Spec) { s.Waves[0].Workloads[0].Exclusive = true },
		"window":   func(s *plan.Spec) { s.Windows.Watch++ },
	} {
		p := load()
		change(&p.Spec)
		if p.Digest() == was {
			t.Errorf("another %s has the same digest", name)
		}
	}
}

func TestThePrimaryMovesByDefaultOnceHalfOfTheWorkloadsDid(t *testing.T) {
	wave := func(name string, n int) plan.Wave { return plan.Wave{Name: name, Workloads: make([]plan.Workload, n)} }
	p := &plan.Plan{Spec: plan.Spec{
		MongoDB: &plan.MongoDB{}, DNS: plan.DNS{None: "lab"},
		Waves: []plan.Wave{wave("a", 1), wave("b", 2), wave("c", 3)},
	}}
	want := []string{"join", "proxy", "routes", "migrate/a", "migrate/b", "stepdown", "migrate/c", "cleanup"}
	if diff := cmp.Diff(want, p.Phases()); diff != "" {
		t.Error(diff)
	}
	if w, ok := p.Wave("c"); !ok || len(w.Workloads) != 3 {
		t.Errorf("wave c: %v, %v", w, ok)
	}
	if _, ok := p.Wave("d"); ok {
		t.Error("there is no wave d")
	}
}

func TestAFileThatIsNotThereIsAUsageError(t *testing.T) {
	_, err := plan.Load(filepath.Join(t.TempDir(), "none.yaml"))
	if fault.CodeOf(err) != fault.Usage || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
