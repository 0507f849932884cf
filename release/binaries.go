package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// platforms are those that people start the tool on by hand; the runner has the image.
var platforms = []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64"}

// binaries builds the tool for each platform, and writes the checksums beside it as sha256sum -c reads them.
func binaries(ctx context.Context, root, version, folder string, platforms []string) error {
	if !versions.MatchString(version) {
		return fmt.Errorf("%q is no version: want vMAJOR.MINOR.PATCH", version)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var names []string
	for _, p := range platforms {
		system, processor, _ := strings.Cut(p, "/")
		name := fmt.Sprintf("cutover-%s-%s-%s", version, system, processor)
		if err := build(ctx, root, version, system, processor, filepath.Join(folder, name)); err != nil {
			return err
		}
		names = append(names, name)
	}
	return checksums(folder, names)
}

func build(ctx context.Context, root, version, system, processor, output string) error {
	output, err := filepath.Abs(output)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X cutover.dev/cutover/pkg/cli.released="+version, "-o", output, "./cmd/cutover")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build for %s/%s: %w", system, processor, err)
	}
	return nil
}

func checksums(folder string, names []string) error {
	var sums strings.Builder
	slices.Sort(names)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), name)
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
