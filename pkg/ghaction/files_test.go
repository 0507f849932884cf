package ghaction_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"

	"cutover.dev/cutover/pkg/ghaction"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

type action struct {
	Inputs  map[string]struct{ Description, Default string }
	Outputs map[string]struct{ Description string }
	Runs    struct {
		Using, Image, Entrypoint string
		Args                     []string
		PostEntrypoint           string `yaml:"post-entrypoint"`
	}
	Branding struct{ Icon, Color string }
}

func TestTheActionHasTheInputsAndOutputsThatTheCodeKnows(t *testing.T) {
	var a action
	if err := yaml.Unmarshal([]byte(read(t, "action.yml")), &a); err != nil {
		t.Fatal(err)
	}
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	var inputs, outputs []string
	for n, in := range a.Inputs {
		inputs = append(inputs, n)
		if !kebab.MatchString(n) || in.Description == "" {
			t.Errorf("input %s: not kebab-case, or not described", n)
		}
	}
	for n, out := range a.Outputs {
		outputs = append(outputs, n)
		if !kebab.MatchString(n) || out.Description == "" {
			t.Errorf("output %s: not kebab-case, or not described", n)
		}
	}
	for _, pair := range [][2][]string{{ghaction.Inputs, inputs}, {ghaction.Outputs, outputs}} {
		want := slices.Sorted(slices.Values(pair[0]))
		slices.Sort(pair[1])
		if diff := cmp.Diff(want, pair[1]); diff != "" {
			t.Error(diff)
		}
	}
	if a.Runs.Using != "docker" || a.Runs.Image != "Dockerfile" || a.Branding.Icon == "" || a.Branding.Color == "" {
		t.Errorf("%+v %+v", a.Runs, a.Branding)
	}
}

func TestTheImageStartsWhatTheActionStarts(t *testing.T) {
	var a action
	if err := yaml.Unmarshal([]byte(read(t, "action.yml")), &a); err != nil {
		t.Fatal(err)
	}
	var from, entrypoint, cmd string
	for line := range strings.Lines(read(t, "Dockerfile")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "FROM":
			from += rest
		case "ENTRYPOINT":
			entrypoint = rest
		case "CMD":
			cmd = rest
		case "USER", "WORKDIR", "RUN", "ADD":
			t.Errorf("%s: the runner needs root and its own folder, and nothing is fetched here", word)
		}
	}
	var started []string // exec form, or signals would reach a shell
	for _, s := range []string{entrypoint, cmd} {
		var words []string
		if err := json.Unmarshal([]byte(s), &words); err != nil {
			t.Fatalf("%s is not in exec form: %v", s, err)
		}
		started = append(started, words...)
	}
	if want := append([]string{a.Runs.Entrypoint}, a.Runs.Args...); from != "scratch" || !slices.Equal(started, want) {
		t.Errorf("from %s, %q instead of %q", from, started, want)
	}
	if a.Runs.PostEntrypoint != a.Runs.Entrypoint+"-post" {
		t.Errorf("post-entrypoint %s", a.Runs.PostEntrypoint)
	}
}

func TestWorkflowsAreInOrder(t *testing.T) {
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(abs, ".github/workflows/*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{WorkingDir: abs})
	if err != nil {
		t.Fatal(err)
	}
	project, err := actionlint.NewProject(abs)
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.LintFiles(files, project)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
	for _, f := range files {
		text := read(t, filepath.Join(".github/workflows", filepath.Base(f)))
		for _, problem := range unsafe(t, text) {
			t.Errorf("%s: %s", f, problem)
		}
	}
}

var (
	pinned     = regexp.MustCompile(`^[^@]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$`)
	uses       = regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*(.+)$`)
	expression = regexp.MustCompile(`\$\{\{`)
)

// unsafe lists what actionlint lets pass and we do not: actions by tag, expressions in scripts, permissions by default,
// credentials that stay in the checkout, jobs without a limit.
func unsafe(t *testing.T, text string) []string {
	t.Helper()
	var w struct {
		Permissions *map[string]string
		Jobs        map[string]struct {
			Uses    string
			Timeout int `yaml:"timeout-minutes"`
			Steps   []struct {
				Run, Uses string
				With      map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	var out []string
	if w.Permissions == nil || len(*w.Permissions) > 0 {
		out = append(out, "permissions: {} is missing on top")
	}
	for _, m := range uses.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "./") && !pinned.MatchString(m[1]) {
			out = append(out, m[1]+" is not pinned by digest with its version beside it")
		}
	}
	for name, j := range w.Jobs {
		if j.Uses == "" && j.Timeout == 0 {
			out = append(out, name+" has no timeout-minutes")
		}
		for _, s := range j.Steps {
			if expression.MatchString(s.Run) {
				out = append(out, name+": an expression in a script is code of whoever sets its value")
			}
			if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
				out = append(out, name+": checkout keeps its credentials")
			}
		}
	}
	return out
}

func TestUnsafeWorkflowsAreSeen(t *testing.T) {
	got := unsafe(t, "jobs:\n  a:\n    steps:\n    - uses: actions/checkout@v6\n    - run: echo ${{ inputs.x }}\n")
	if len(got) != 5 {
		t.Errorf("%q", got)
	}
}
