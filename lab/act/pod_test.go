package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An image that lacks one of the three programs, or whose script is not the entrypoint's parent, does not run there.
func TestAnImageWithoutWhatPodsNeedIsSeen(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("chroot needs root")
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil || !static(t, busybox) {
		t.Skip("there is no busybox here that needs no libraries; fix: apt-get install busybox-static")
	}
	image := t.TempDir()
	for _, dir := range []string{"bin", "usr/local/bin", "etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(image, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(image, path), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put("etc/ssl/certs/ca-certificates.crt", "x")
	put("usr/local/bin/cutover", "#!/bin/sh\n[ \"$A\" = b ] && echo cutover $1\n")
	binary, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "env", "tail", ""} { // one more each time
		if err := asPod(t.Context(), image); (err == nil) != (name == "") {
			t.Errorf("before %q is there: %v", name, err)
		}
		if name != "" {
			put("bin/"+name, string(binary))
		}
	}
	put("usr/local/bin/cutover", "#!/bin/sh\necho another\n")
	if err := asPod(t.Context(), image); err == nil || !strings.Contains(err.Error(), "its version\nanother") {
		t.Errorf("another program: %v", err)
	}
}

// static: a program asks for no dynamic linker, which an image without libraries does not have.
func static(t *testing.T, path string) bool {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}
