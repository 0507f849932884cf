package cli_test

import (
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/journal"
)

// What the post-entrypoint comes to is told in log and summary. Later jobs go by what the step itself did: GitHub drops outputs of
// a post step, and act takes them for the step's.
func TestThePostEntrypointLeavesTheOutputsOfItsStepAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	main := runnertest.NewStep(t).With("verb", "recover", "plan", "nowhere.yaml")
	if code := act(t, main); code == 0 || main.Outputs()["result"] == "" || !strings.Contains(main.Summary(), "recover") {
		t.Errorf("the step: code %d, outputs %v, summary %q", code, main.Outputs(), main.Summary())
	}
	killed := runnertest.NewStep(t).With("verb", "recover", "plan", "nowhere.yaml") // it saved nothing
	post := killed.Post()
	if code := act(t, post, true); code == 0 || len(post.Outputs()) > 0 || !strings.Contains(post.Summary(), "recover") {
		t.Errorf("the post step: code %d, outputs %v, summary %q\n%s", code, post.Outputs(), post.Summary(), post.Log())
	}
}

// A step that came to its end leaves nothing to its post step, nor does one that only looks.
func TestThePostEntrypointOfWhatIsAtItsEndDoesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	ended := runnertest.NewStep(t).With("verb", "apply", "plan", "nowhere.yaml")
	if code := act(t, ended); code == 0 {
		t.Fatalf("apply without a plan: code 0\n%s", ended.Log())
	}
	looks := runnertest.NewStep(t).With("verb", "plan", "plan", "nowhere.yaml")
	for name, post := range map[string]*runnertest.Step{"one that ended": ended.Post(), "one that looks": looks.Post()} {
		if code := act(t, post, true); code != 0 || post.Log() != "" || post.Summary() != "" {
			t.Errorf("%s: code %d, summary %q\n%s", name, code, post.Summary(), post.Log())
		}
	}
}

// Of a job that died before it could write down that everything is there, the post step writes it down.
func TestThePostStepWritesDownWhatHasArrived(t *testing.T) {
	w := newWorld(t)
	w.moved(t, true)
	t.Chdir(w.dir)
	post, newest := w.job(t, "phase", "migrate/shop").Post(), w.newest(t)
	if code := act(t, post, true); code != 0 || len(post.Outputs()) > 0 || newest(tailID) != journal.Done || newest(swapID) != journal.Done {
		t.Errorf("code %d, outputs %v, the tail is %s, the swap %s\n%s", code, post.Outputs(), newest(tailID), newest(swapID), post.Log())
	}
}
