package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/hub/hubtest"
)

// pullRequest are the variables of a run on pull request 7.
func pullRequest(t *testing.T, h *hubtest.Hub) []string {
	t.Helper()
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"number": 7, "pull_request": {"head": {"sha": "c0ffee11"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"GITHUB_EVENT_NAME", "pull_request", "GITHUB_EVENT_PATH", event, "GITHUB_API_URL", h.URL, "GITHUB_REPOSITORY", "acme/shop",
		"GITHUB_SERVER_URL", "https://github.test", "GITHUB_RUN_ID", "42", "GITHUB_RUN_ATTEMPT", "1", "GITHUB_TOKEN", hubtest.Token,
	}
}

func TestAPlanIsShownInOneCommentUnderItsPullRequest(t *testing.T) {
	w := newWorld(t)
	t.Chdir(w.dir) // the report of a step goes there
	h := hubtest.Start(t)
	for i := range 120 {
		h.Say("ann", "User", fmt.Sprint("talk ", i))
	}
	env := pullRequest(t, h)
	for range 2 {
		if code, out, errs := w.run(t, []string{"plan"}, env...); code != 0 || !strings.Contains(errs, "shown under the pull request: https://github.test/") {
			t.Fatalf("code %d\n%s%s", code, out, errs)
		}
	}
	if len(h.Comments) != 121 {
		t.Fatalf("%d comments", len(h.Comments))
	}
	comment := h.Comments[120]
	_, out, _ := w.run(t, []string{"plan"})
	_, digest, _ := strings.Cut(out, "digest ")
	digest, _, _ = strings.Cut(digest, "\n")
	for _, want := range []string{
		"<!-- cutover plan: two -->\n### cutover plan proxy: planned; ", "digest `" + digest + "`", "| do | apply:new/shop/Service/cutover-proxy |",
		"of commit c0ffee11", "(https://github.test/acme/shop/actions/runs/42/attempts/1)",
	} {
		if !strings.Contains(comment.Body, want) {
			t.Errorf("%q is not in\n%s", want, comment.Body)
		}
	}
	// A plan that could not be made takes the place of the one that was.
	if code, _, _ := w.run(t, []string{"plan"}, append(env, "CUTOVER_NEW_KUBECONFIG", w.gone(t))...); code != 7 || !strings.Contains(comment.Body, "### cutover plan: unsure") {
		t.Errorf("code %d\n%s", code, comment.Body)
	}
	w.degrades(t, h, env)
}

// degrades: who may not comment gets the same result, and is told.
func (w *world) degrades(t *testing.T, h *hubtest.Hub, env []string) {
	t.Helper()
	n := len(h.Comments)
	for name, c := range map[string]struct {
		env    []string
		change func()
		notice string
	}{
		"no token":          {[]string{"GITHUB_TOKEN", ""}, nil, "there is no token to ask GitHub with (set the input github-token"},
		"may read only":     {nil, func() { h.Write = nil }, "403 Resource not accessible by integration"},
		"may not even read": {nil, func() { h.Write, h.Public = nil, false }, "404 Not Found"},
		"too many requests": {nil, func() {
			h.Broken = func(rw http.ResponseWriter, _ *http.Request) bool { hubtest.Limited(rw, true); return true }
		}, "429 API rate limit exceeded"},
		"no event": {[]string{"GITHUB_EVENT_PATH", "/nonexistent"}, nil, "read the event of this run"},
	} {
		h.Write, h.Public, h.Broken = map[string]bool{"pull_requests": true}, true, nil
		if c.change != nil {
			c.change()
		}
		code, out, errs := w.run(t, []string{"plan"}, append(env, c.env...)...)
		if code != 0 || !strings.Contains(out, "digest ") || !strings.Contains(errs, "cutover: note: the plan is not shown under the pull request: ") || !strings.Contains(errs, c.notice) {
			t.Errorf("%s: code %d\n%s", name, code, errs)
		}
		step := w.job(t).Set(append(slices.Clone(env), c.env...)...).With("plan", w.plan, "verb", "plan")
		notes := step.Annotations
		if code := act(t, step); code != 0 || len(notes()) != 1 || notes()[0].Level != "notice" || !strings.Contains(notes()[0].Message, c.notice) {
			t.Errorf("%s, as a step: code %d, %v", name, code, notes())
		}
		if strings.Contains(out+errs+step.Printed()+read(t, step.Env["GITHUB_STEP_SUMMARY"]), hubtest.Token) {
			t.Errorf("%s: the token is shown", name)
		}
	}
	asked := len(h.Asked)
	if code, _, errs := w.run(t, []string{"plan"}, append(env, "GITHUB_EVENT_NAME", "push")...); code != 0 || len(h.Asked) != asked || len(h.Comments) != n {
		t.Errorf("outside of a pull request: code %d, %d requests\n%s", code, len(h.Asked)-asked, errs)
	}
}
