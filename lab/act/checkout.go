package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"cutover.dev/cutover/lab/world"
)

// Who may approve what in the double: a person who begins things, and one who answers.
const (
	author   = "ann"
	reviewer = "rita"
	gate     = "production"
)

// checkout is the repository of the double, as the jobs check it out: a clone of what is committed here, with the plan that is
// on the double's main branch.
type checkout struct{ dir string }

func clone(ctx context.Context, w world.World, root string) (checkout, error) {
	c := checkout{filepath.Join(folder(w), "repository")}
	if said, err := exec.CommandContext(ctx, "git", "clone", "--quiet", root, c.dir).CombinedOutput(); err != nil {
		return c, fmt.Errorf("clone %s: %w\n%s", root, err, said)
	}
	for _, args := range [][]string{
		{"remote", "set-url", "origin", "https://github.com/" + repository + ".git"},
		{"config", "user.name", author},
		{"config", "user.email", author + "@example.com"},
		{"checkout", "--quiet", "-B", "main"},
	} {
		if err := c.git(ctx, args...); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c checkout) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = c.dir
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %v: %w\n%s", args, err, said)
	}
	return nil
}

// commit puts a text of the plan at the head.
func (c checkout) commit(ctx context.Context, text string) error {
	if err := os.WriteFile(filepath.Join(c.dir, planFile), []byte(text), 0o644); err != nil {
		return err
	}
	return errors.Join(c.git(ctx, "commit", "--quiet", "--allow-empty", "--message", "The plan as it is on the double's main", planFile))
}

// begun is the plan of the demo as somebody would begin with it: through its first phase, with approvals where it matters.
func begun(root, first string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, planFile))
	if err != nil {
		return "", err
	}
	moved, err := through(string(text), first)
	if err != nil {
		return "", err
	}
	const before = "\n  probe:"
	if !strings.Contains(moved, before) {
		return "", fmt.Errorf("%s has no probe", planFile)
	}
	return strings.Replace(moved, before, fmt.Sprintf("\n  approvals: {proxy: %[1]s, stepdown: %[1]s, cleanup: %[1]s}%[2]s", gate, before), 1), nil
}

var throughLine = regexp.MustCompile(`(?m)^  through: .*$`)

// through is the plan moved to a phase.
func through(plan, phase string) (string, error) {
	if len(throughLine.FindAllString(plan, -1)) != 1 {
		return "", fmt.Errorf("%s has no line of its own for through", planFile)
	}
	return throughLine.ReplaceAllString(plan, "  through: "+phase), nil
}

// artifacts are stand-ins for the two actions that keep files of a run: they are fetched from elsewhere, and keep them there.
var artifacts = map[string]string{
	"actions/upload-artifact": `inputs: {name: {required: true}, path: {required: true}, overwrite: {default: "false"}}
runs:
  using: composite
  steps:
    - shell: bash
      run: mkdir -p "$ARTIFACTS/$GITHUB_RUN_ID/$NAME" && cp -r "$WHAT" "$ARTIFACTS/$GITHUB_RUN_ID/$NAME/"
      env: {NAME: "${{ inputs.name }}", WHAT: "${{ inputs.path }}"}
`,
	"actions/download-artifact": `inputs: {name: {required: true}, path: {required: true}}
runs:
  using: composite
  steps:
    - shell: bash
      run: mkdir -p "$INTO" && cp -r "$ARTIFACTS/$GITHUB_RUN_ID/$NAME/." "$INTO/"
      env: {NAME: "${{ inputs.name }}", INTO: "${{ inputs.path }}"}
`,
}

// standIns writes them, and returns act's flags that put them where the workflows name the real ones.
func (c checkout) standIns(w world.World) ([]string, error) {
	var flags []string
	text, err := os.ReadFile(filepath.Join(c.dir, ".github/workflows/migrate.yml"))
	if err != nil {
		return nil, err
	}
	for action, metadata := range artifacts {
		used := regexp.MustCompile(action + `@([0-9a-f]{40})`).FindSubmatch(text)
		if used == nil {
			return nil, fmt.Errorf("migrate.yml does not use %s", action)
		}
		dir := filepath.Join(folder(w), filepath.Base(action))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "action.yml"), []byte("name: "+action+"\ndescription: a stand-in\n"+metadata), 0o644); err != nil {
			return nil, err
		}
		flags = append(flags, "--local-repository", string(used[0])+"="+dir)
	}
	return flags, nil
}
