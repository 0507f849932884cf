package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/cli"
	"cutover.dev/cutover/pkg/ghaction/runnertest"
)

// What the post-entrypoint comes to is told in log and summary. Later jobs go by what the step itself did: GitHub drops outputs of
// a post step, and act takes them for the step's.
func TestThePostEntrypointLeavesTheOutputsOfItsStepAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, wants := range map[string]bool{"cutover action": true, "cutover-post action": false} {
		step := runnertest.NewStep(t)
		step.Env["INPUT_VERB"], step.Env["INPUT_PLAN"] = "recover", "nowhere.yaml"
		var out bytes.Buffer
		if code := cli.Main(t.Context(), strings.Fields(args), step.Getenv, strings.NewReader(""), &out, &out); code == 0 {
			t.Errorf("%s: code 0 without a plan\n%s", args, out.String())
		}
		if _, wrote := step.Outputs()["result"]; wrote != wants || !strings.Contains(step.Summary(), "recover") {
			t.Errorf("%s: outputs %v, summary %q", args, step.Outputs(), step.Summary())
		}
	}
}
