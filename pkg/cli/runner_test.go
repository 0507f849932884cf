package cli_test

import (
	"io"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/cli"
	"cutover.dev/cutover/pkg/ghaction/runnertest"
)

// act runs the action as a step of a workflow and returns its exit code. With post it is the post step.
func act(t *testing.T, s *runnertest.Step, post ...bool) int {
	t.Helper()
	name := "cutover"
	if len(post) > 0 {
		name += "-post"
	}
	return s.Do(func(getenv func(string) string, stdout, stderr io.Writer) int {
		return cli.Main(t.Context(), []string{name, "action"}, getenv, strings.NewReader(""), stdout, stderr)
	})
}

// job is a step of a job that has both kubeconfigs.
func (w *world) job(t *testing.T, inputs ...string) *runnertest.Step {
	t.Helper()
	s := runnertest.NewStep(t).Set("CUTOVER_OLD_KUBECONFIG", w.old, "CUTOVER_NEW_KUBECONFIG", w.new)
	s.Dir = w.dir
	return s.With(append([]string{"plan", w.plan}, inputs...)...)
}
