package plan_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/plan"
)

func TestTheDemoPlanNamesFilesThatAreThere(t *testing.T) {
	root := filepath.Join("..", "..")
	if _, err := plan.LoadFiles(filepath.Join(root, "plans", "demo.yaml"), root); err != nil {
		t.Error(err)
	}
}

func TestEveryNamedFileThatIsNotThereIsAMistakeInItsPlace(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "plans", "shop", "mongodb"), 0o700); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join("testdata", "good", "full.yaml")
	_, err := plan.LoadFiles(full, dir)
	if got, want := said(t, err), []string{
		"spec.bridge.manifests: there is no plans/shop/bridge",
		"spec.waves[0].workloads[2].source: there is no plans/shop/api.yaml",
	}; !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	for _, name := range []string{"bridge", "api.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, "plans", "shop", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := plan.LoadFiles(full, dir); err != nil {
		t.Errorf("everything is there, and it says %v", err)
	}
}

func TestALinkThatLeadsOutOfTheRepositoryIsAMistake(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "plans")); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"bridge", "mongodb", "api.yaml"} {
		if err := os.MkdirAll(filepath.Join(outside, "shop", name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	_, err := plan.LoadFiles(filepath.Join("testdata", "good", "full.yaml"), dir)
	got := said(t, err)
	if len(got) != 3 || !strings.HasPrefix(got[0], "spec.bridge.manifests: plans/shop/bridge cannot be read: ") {
		t.Errorf("got %q", got)
	}
}

func TestMissingFilesAreToldTogetherWithOtherMistakes(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "good", "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), "port: 8080", "port: 0", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = plan.LoadFiles(path, t.TempDir())
	got := said(t, err)
	if len(got) != 4 || !strings.Contains(got[0], "spec.bridge.port") || !strings.Contains(got[1], "spec.bridge.manifests") {
		t.Errorf("got %q", got)
	}
}

// said returns the messages of a plan's mistakes, which all have a place.
func said(t *testing.T, err error) []string {
	t.Helper()
	problems, ok := errors.AsType[*plan.Errors](err)
	if !ok || fault.CodeOf(err) != fault.Usage {
		t.Fatalf("got %v, want *Errors within a fault.Usage", err)
	}
	var all []string
	for _, p := range problems.Problems {
		if p.Line < 2 || p.Col < 2 {
			t.Errorf("%s stands nowhere", p)
		}
		all = append(all, p.Message)
	}
	return all
}
