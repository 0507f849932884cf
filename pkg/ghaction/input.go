package ghaction

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Inputs and Outputs are the names in action.yml. A test holds the two together.
var (
	Inputs = []string{
		"plan", "verb", "phase", "old-kubeconfig", "new-kubeconfig", "kube-auth", "kube-audience", "expect-digest", "allow-irreversible", "repair", "to", "reason",
		"older-plan", "break-glass", "journal", "export", "evidence", "preview", "output", "github-token",
	}
	Outputs = []string{"result", "phase", "next-phase", "approval", "digest", "not-before", "mutated", "report", "journal", "back", "following", "proposal"}
)

// Input returns an input, without blanks around it. The runner keeps dashes in the names of variables; what was started
// through a shell on the way may have had to replace them.
func (r *Runner) Input(name string) string {
	if v := strings.TrimSpace(r.getenv(variable(name))); v != "" {
		return v
	}
	return strings.TrimSpace(r.getenv(strings.ReplaceAll(variable(name), "-", "_")))
}

func variable(input string) string {
	return "INPUT_" + strings.ToUpper(strings.ReplaceAll(input, " ", "_"))
}

// Bool returns an input that is true or false, false when it is empty.
func (r *Runner) Bool(name string) (bool, error) {
	switch v := r.Input(name); v {
	case "true", "True", "TRUE":
		return true, nil
	case "", "false", "False", "FALSE":
		return false, nil
	default:
		return false, fmt.Errorf("input %s: %s is neither true nor false", name, strconv.Quote(v))
	}
}

// Require reports every one of these inputs that is empty. The runner does not enforce "required".
func (r *Runner) Require(names ...string) error {
	var errs []error
	for _, n := range names {
		if r.Input(n) == "" {
			errs = append(errs, fmt.Errorf("input %s is needed", n))
		}
	}
	return errors.Join(errs...)
}

// Unknown lists inputs in environ that this action does not have: a misspelled one would otherwise be a default that
// nobody chose. environ is as os.Environ gives it.
func Unknown(environ []string) []string {
	known := map[string]bool{"INPUT_ENTRYPOINT": true, "INPUT_ARGS": true} // of the runner itself
	for _, n := range Inputs {
		known[variable(n)] = true
		known[strings.ReplaceAll(variable(n), "-", "_")] = true
	}
	var out []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if rest, ok := strings.CutPrefix(name, "INPUT_"); ok && !known[name] {
			out = append(out, strings.ToLower(rest))
		}
	}
	slices.Sort(out)
	return out
}

// RunInfo says which run this is, for the journal and the lock.
type RunInfo struct {
	URL        string // with the attempt
	ID         string
	Attempt    string
	Actor      string // who started this attempt, not who wrote the commit
	Job        string
	Workflow   string
	Event      string
	Repository string
	SHA        string
	Ref        string
}

// Run reads it from the environment. Outside of GitHub Actions it is empty.
func (r *Runner) Run() RunInfo {
	env := func(name string) string { return r.getenv("GITHUB_" + name) }
	info := RunInfo{
		ID: env("RUN_ID"), Attempt: env("RUN_ATTEMPT"), Actor: env("TRIGGERING_ACTOR"), Job: env("JOB"), Workflow: env("WORKFLOW"),
		Event: env("EVENT_NAME"), Repository: env("REPOSITORY"), SHA: env("SHA"), Ref: env("REF"),
	}
	if info.Actor == "" {
		info.Actor = env("ACTOR")
	}
	if info.ID != "" && info.Repository != "" {
		info.URL = env("SERVER_URL") + "/" + info.Repository + "/actions/runs/" + info.ID
		if info.Attempt != "" {
			info.URL += "/attempts/" + info.Attempt
		}
	}
	return info
}

// Debug says whether somebody asked for debug logging of this run.
func (r *Runner) Debug() bool { return r.getenv("RUNNER_DEBUG") == "1" }
