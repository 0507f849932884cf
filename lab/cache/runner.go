package cache

import (
	"context"
	"path/filepath"
	"slices"

	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/world"
)

// neededByPodman runs containers; neededByRunner is what asks how a checkout is committed.
var (
	neededByPodman = []debian{{"podman", "podman"}, {"conmon", "conmon"}, {"runc", "runc"}}
	neededByRunner = append(slices.Clone(neededByPodman), debian{"git", "git"})
)

// EnsurePodman makes sure of podman from Debian.
func EnsurePodman(ctx context.Context, report *progress.Progress) error {
	return packages(ctx, report, missingOf(neededByPodman))
}

// EnsureRunner makes sure of what runs a workflow of GitHub Actions with containers on this machine, which the lab itself
// does without: podman from Debian, and act as w.Tool("act").
func EnsureRunner(ctx context.Context, w world.World, report *progress.Progress) error {
	if err := packages(ctx, report, missingOf(neededByRunner)); err != nil {
		return err
	}
	c := &Cache{world: w, report: report}
	return c.all(ctx, []artifact{{
		folder: "act-" + Act, what: "building", minutes: 1, build: buildAct, programs: map[string]string{"act": "act"},
	}})
}

func buildAct(ctx context.Context, _ *Cache, into string) error {
	source, err := download(ctx, "github.com/nektos/act@"+Act)
	if err != nil {
		return err
	}
	return goBuild(ctx, source, filepath.Join(into, "act"), "-s -w", ".", bare)
}
