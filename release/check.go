package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// Files that a release is made from.
const (
	dockerfile = "Dockerfile.release"
	workflow   = ".github/workflows/release.yml"
	metadata   = "action.yml"
)

var (
	versions = regexp.MustCompile(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$`)
	pinned   = regexp.MustCompile(`^[a-z0-9]+([._/-][a-z0-9]+)*:[A-Za-z0-9_.-]+@sha256:[0-9a-f]{64}$`)
	// What the workflow runs besides the Dockerfile's bases: the builder, and what lists the parts of the image.
	workers = regexp.MustCompile(`(?m)^\s+(BUILDER|LISTER): (\S+)`)
	image   = regexp.MustCompile(`(?m)^  image: (\S+)$`)
)

// check says all that is wrong with a release of this checkout.
func check(ctx context.Context, root, name string) error {
	var errs []error
	if !versions.MatchString(name) {
		errs = append(errs, fmt.Errorf("%q is no version: want vMAJOR.MINOR.PATCH, or that with -SOMETHING behind it", name))
	}
	if err := newest(ctx, root, name); err != nil {
		errs = append(errs, err)
	}
	for file, wrong := range map[string]func(string) []error{dockerfile: bases, workflow: tools, metadata: unwritten} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, err := range wrong(string(text)) {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// newest says no where a tag of git is the version or a later one: main goes forward only, and so do the tags that move with it.
func newest(ctx context.Context, root, name string) error {
	cmd := exec.CommandContext(ctx, "git", "tag", "--list", "v*")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ask git for its tags: %w", err)
	}
	wanted, err := version.ParseSemantic(name)
	if err != nil {
		return nil // that it is none is said elsewhere
	}
	tags := strings.Fields(string(out))
	if slices.Contains(tags, name) {
		return fmt.Errorf("%s is released already; a published tag is never made again (a run that failed after it made the tag: re-run its failed jobs)", name)
	}
	for _, tag := range tags {
		released, err := version.ParseSemantic(tag)
		if err == nil && wanted.LessThan(released) { // v1 and the like move, and are none
			return fmt.Errorf("%s is released, and main is not the place for a release of %s, which is older", tag, name)
		}
	}
	return nil
}

// bases names what a Dockerfile stands on that is not scratch, a stage of its own, or named by digest.
func bases(text string) []error {
	var errs []error
	stages := []string{"scratch"}
	for line := range strings.Lines(text) {
		from, stage := source(line)
		if from != "" && !slices.Contains(stages, from) && !pinned.MatchString(from) {
			errs = append(errs, unpinned(from))
		}
		if stage != "" {
			stages = append(stages, stage)
		}
	}
	if len(stages) == 1 {
		errs = append(errs, errors.New("no stage builds anything"))
	}
	return errs
}

// source is what a line takes something from, and the stage that it begins.
func source(line string) (from, stage string) {
	if frontend, ok := strings.CutPrefix(line, "# syntax="); ok {
		return strings.TrimSpace(frontend), ""
	}
	words := strings.Fields(line)
	if len(words) > 1 && strings.EqualFold(words[0], "FROM") {
		words = slices.DeleteFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "--") })
		if len(words) == 3 && strings.EqualFold(words[1], "AS") {
			stage = words[2]
		}
		return words[0], stage
	}
	for _, w := range words {
		if name, ok := strings.CutPrefix(w, "--from="); ok {
			from = name
		}
	}
	return from, ""
}

// tools names what the workflow runs that is not named by digest.
func tools(text string) []error {
	found := workers.FindAllStringSubmatch(text, -1)
	if len(found) != 2 {
		return []error{fmt.Errorf("it names %d of BUILDER and LISTER", len(found))}
	}
	var errs []error
	for _, m := range found {
		if !pinned.MatchString(m[2]) {
			errs = append(errs, unpinned(m[2]))
		}
	}
	return errs
}

func unpinned(name string) error {
	return fmt.Errorf("%s is not named by digest (want NAME:TAG@sha256:…; docker buildx imagetools inspect NAME:TAG prints it)", name)
}

// unwritten: on main the action builds its image, and only the tag names one.
func unwritten(text string) []error {
	if m := image.FindAllStringSubmatch(text, -1); len(m) != 1 || m[0][1] != "Dockerfile" {
		return []error{fmt.Errorf("it has to say once, and says %d times, `image: Dockerfile`", len(m))}
	}
	return nil
}
