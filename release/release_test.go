package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const root = ".."

var digest = "@sha256:" + strings.Repeat("0123456789abcdef", 4)

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// copied is a checkout with the files that a release is made from, each changed by a replacement or not.
func copied(t *testing.T, file, was, is string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "git", "-C", dir, "init", "--quiet").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for _, name := range []string{dockerfile, workflow, metadata} {
		text := content(t, filepath.Join(root, name))
		if name == file {
			if !strings.Contains(text, was) {
				t.Fatalf("%s does not say %q", name, was)
			}
			text = strings.Replace(text, was, is, 1)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestThisCheckoutCanBeReleased(t *testing.T) {
	if err := check(t.Context(), copied(t, "", "", ""), "v1.2.3"); err != nil {
		t.Error(err)
	}
}

func TestAReleaseOnGroundThatMovesIsRefused(t *testing.T) {
	busybox := regexp.MustCompile(`FROM busybox\S+`).FindString(content(t, filepath.Join(root, dockerfile)))
	for name, c := range map[string]struct{ file, was, is, version, says string }{
		"a base by tag":           {dockerfile, busybox, "FROM busybox:1.37.0-musl", "v1.2.3", "busybox:1.37.0-musl is not named by digest"},
		"a digest to be found":    {dockerfile, busybox, "FROM busybox:1.37.0-musl@sha256:FILL-IN", "v1.2.3", "FILL-IN is not named by digest"},
		"a copy from elsewhere":   {dockerfile, "--from=busybox", "--from=alpine:3", "v1.2.3", "alpine:3 is not named by digest"},
		"a frontend by tag":       {dockerfile, "# The image", "# syntax=docker/dockerfile:1\n# The image", "v1.2.3", "docker/dockerfile:1 is not named by digest"},
		"a builder by tag":        {workflow, "BUILDER: moby/buildkit:v0.31.2@", "BUILDER: moby/buildkit:v0.31.2 #", "v1.2.3", "moby/buildkit:v0.31.2 is not named by digest"},
		"no lister":               {workflow, "LISTER:", "OTHER:", "v1.2.3", "it names 1 of BUILDER and LISTER"},
		"an action by image":      {metadata, "image: Dockerfile", "image: docker://ghcr.io/a/b" + digest, "v1.2.3", "image: Dockerfile"},
		"a version without a v":   {"", "", "", "1.2.3", `"1.2.3" is no version`},
		"a version of two":        {"", "", "", "v1.2", `"v1.2" is no version`},
		"a version with commands": {"", "", "", "v1.2.3-$(id)", "is no version"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := check(t.Context(), copied(t, c.file, c.was, c.is), c.version); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAVersionIsReleasedOnceAndAfterThoseBeforeIt(t *testing.T) {
	dir := copied(t, "", "", "")
	for _, args := range [][]string{{"commit", "--quiet", "--allow-empty", "--message", "x"}, {"tag", "v1.2.3"}, {"tag", "v1"}, {"tag", "v1.10.0-rc.2"}} {
		args = append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	for name, says := range map[string]string{
		"v1.2.3": "released already", "v1.2.4": "v1.10.0-rc.2 is released", "v1.10.0-rc.1": "v1.10.0-rc.2 is released", "v1.10.0-rc.11": "", "v1.10.0": "", "v2.0.0-rc.1": "",
	} {
		if err := check(t.Context(), dir, name); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
}

func TestTheTagNamesTheImageByDigestAndNothingElseChanges(t *testing.T) {
	dir, ref := copied(t, "", "", ""), "ghcr.io/acme/cutover"+digest
	for _, bad := range []string{"ghcr.io/acme/cutover:v1", "ghcr.io/Acme/cutover" + digest, "ghcr.io/acme/cutover@sha256:12", ref + "\nevil: x"} {
		if err := run(t.Context(), dir, []string{"action", bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	was := content(t, filepath.Join(dir, metadata))
	if err := run(t.Context(), dir, []string{"action", ref}); err != nil {
		t.Fatal(err)
	}
	if got := content(t, filepath.Join(dir, metadata)); got != strings.Replace(was, "image: Dockerfile", "image: docker://"+ref, 1) {
		t.Errorf("it became\n%s", got)
	}
	if err := run(t.Context(), dir, []string{"action", ref}); err == nil {
		t.Error("a file that was written is written again")
	}
}

func TestABinaryTellsItsVersionAndItsChecksumHolds(t *testing.T) {
	dir := t.TempDir()
	if err := binaries(t.Context(), root, "v9.8.7", dir, []string{runtime.GOOS + "/" + runtime.GOARCH}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "cutover-v9.8.7-"+runtime.GOOS+"-"+runtime.GOARCH), "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "cutover v9.8.7 go") {
		t.Errorf("%q %v", out, err)
	}
	sums := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	sums.Dir = dir
	if out, err := sums.CombinedOutput(); err != nil || !strings.Contains(string(out), ": OK") {
		t.Errorf("%s %v", out, err)
	}
}

// Both images start the same, with the same second names.
func TestTheImageOfAReleaseIsTheOneThatIsTested(t *testing.T) {
	last := func(name string) string {
		text := content(t, filepath.Join(root, name))
		return text[strings.LastIndex(text, "\nFROM "):]
	}
	ends := regexp.MustCompile(`(?s)ENTRYPOINT.*`)
	if got, want := ends.FindString(last(dockerfile)), ends.FindString(last("Dockerfile")); got != want || got == "" {
		t.Errorf("a release ends %q, and the image of main %q", got, want)
	}
	for _, word := range []string{"USER", "WORKDIR", "RUN", "ADD"} {
		if strings.Contains(last(dockerfile), "\n"+word+" ") {
			t.Errorf("the last stage has %s", word)
		}
	}
	made, layout := content(t, filepath.Join(root, dockerfile)), content(t, filepath.Join(root, "Makefile"))
	for _, both := range []string{"for name in sh env tail; do", "ln -s cutover", "usr/local/bin/cutover-post", "etc/ssl/certs", "chmod 1777", "-trimpath"} {
		if !strings.Contains(made, both) || !strings.Contains(layout, both) {
			t.Errorf("%q is not in both", both)
		}
	}
}
