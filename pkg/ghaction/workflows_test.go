package ghaction_test

import (
	"os/exec"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What somebody types beside a button is data: it comes to a shell as a variable, never as part of the script.
func TestWhatIsTypedBesideAButtonIsNoPartOfAScript(t *testing.T) {
	for file, wanted := range map[string][]string{"rollback.yml": {"to", "confirm", "reason", "plan"}} {
		var w struct {
			On struct {
				Dispatch struct {
					Inputs map[string]struct{ Required bool }
				} `yaml:"workflow_dispatch"`
			}
			Env  map[string]string
			Jobs map[string]struct {
				Steps []struct{ Run string }
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/"+file)), &w); err != nil {
			t.Fatal(err)
		}
		for _, name := range wanted {
			if _, ok := w.On.Dispatch.Inputs[name]; !ok {
				t.Errorf("%s has no input %q", file, name)
			}
		}
		if w.On.Dispatch.Inputs["plan"].Required || w.Env["PLAN"] != "${{ inputs.plan || vars.CUTOVER_PLAN }}" {
			t.Errorf("%s goes by the plan %q", file, w.Env["PLAN"])
		}
		for name, job := range w.Jobs {
			for _, step := range job.Steps {
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s, job %s: %q is filled in before it is a script", file, name, step.Run)
				}
			}
		}
	}
}

// Who takes something back types twice to where, on main, and of a plan that there is.
func TestARollbackBeginsOnlyWithWhatWasTypedTwiceOnMain(t *testing.T) {
	var w struct {
		Jobs map[string]struct{ Steps []struct{ Run string } }
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/rollback.yml")), &w); err != nil {
		t.Fatal(err)
	}
	script := w.Jobs["hold"].Steps[0].Run
	for env, want := range map[string]bool{
		"TO=routes CONFIRM=routes GITHUB_REF=refs/heads/main PLAN=plans/shop.yaml":  true,
		"TO=routes CONFIRM=route GITHUB_REF=refs/heads/main PLAN=plans/shop.yaml":   false,
		"TO=routes CONFIRM= GITHUB_REF=refs/heads/main PLAN=plans/shop.yaml":        false,
		"TO=routes CONFIRM=routes GITHUB_REF=refs/heads/other PLAN=plans/shop.yaml": false,
		"TO=routes CONFIRM=routes GITHUB_REF=refs/heads/main PLAN=":                 false,
		"TO=$(id) CONFIRM=routes GITHUB_REF=refs/heads/main PLAN=p":                 false,
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
		cmd.Env = strings.Fields(env)
		if err := cmd.Run(); (err == nil) != want {
			t.Errorf("%s: %v, want it to begin: %v", env, err, want)
		}
	}
}
