package hub_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/hub"
	"cutover.dev/cutover/pkg/hub/hubtest"
)

const path, branch = "plans/shop.yaml", "cutover/shop"

// repository has a plan on main and something beside it.
func repository(t *testing.T) *hubtest.Hub {
	h := hubtest.Start(t)
	h.Commit("main", "Begin", "README.md", "hello")
	h.Commit("main", "Plan", path, "through: proxy\n")
	return h
}

// propose proposes that the plan on main says text.
func propose(t *testing.T, h *hubtest.Hub, text, body string) (string, error) {
	t.Helper()
	c, r := client(t, h, hubtest.Token)
	_, commit, err := c.File(t.Context(), r, "main", path)
	if err != nil {
		return "", err
	}
	return c.Propose(t.Context(), r, hub.Proposal{
		Base: "main", Commit: commit, Branch: branch, Path: path, Text: []byte(text), Title: "Move shop on to " + text, Body: body, Ours: "Move shop on to ",
	})
}

func must(t *testing.T, h *hubtest.Hub, text, body string) {
	t.Helper()
	url, err := propose(t, h, text, body)
	if err != nil || !strings.HasPrefix(url, "https://github.test/acme/shop/pull/10") {
		t.Fatalf("%q, %v", url, err)
	}
}

func open(h *hubtest.Hub) (all []*hubtest.Pull) {
	for _, p := range h.Pulls {
		if p.State == "open" {
			all = append(all, p)
		}
	}
	return all
}

func TestAProposalIsOnePullRequestThatIsChangedInPlace(t *testing.T) {
	h := repository(t)
	must(t, h, "through: routes\n", "one")
	first := h.Branches[branch]
	must(t, h, "through: routes\n", "two")
	if h.Branches[branch] != first {
		t.Error("a branch that says it already was pushed to: whoever approved it has to do so again")
	}
	h.Commit("main", "Other", path, "# a comment\nthrough: proxy\n")
	must(t, h, "# a comment\nthrough: routes\n", "three")
	all := open(h)
	if len(all) != 1 || all[0].Body != "three" || all[0].Title != "Move shop on to # a comment\nthrough: routes\n" || all[0].Base != "main" {
		t.Fatalf("%+v", all)
	}
	c := h.Commits[h.Branches[branch]]
	if len(c.Parents) != 1 || c.Parents[0] != h.Branches["main"] || c.Files[path] != "# a comment\nthrough: routes\n" || c.Files["README.md"] != "hello" {
		t.Errorf("%+v", c)
	}
}

func TestABranchThatWasMergedBeginsAnew(t *testing.T) {
	for _, squash := range []bool{false, true} {
		h := repository(t)
		must(t, h, "through: routes\n", "one")
		h.Merge(h.Pulls[0], squash)
		must(t, h, "through: dns\n", "two")
		h.Merge(h.Pulls[1], squash)
		h.Commit("main", "Back", path, "through: routes\n")
		must(t, h, "through: dns\n", "once more")
		all := open(h)
		if len(all) != 1 || len(h.Pulls) != 3 || all[0].Body != "once more" || h.Commits[h.Branches[branch]].Files[path] != "through: dns\n" {
			t.Errorf("squash %v: %d pull requests, open %+v", squash, len(h.Pulls), all)
		}
	}
}

func TestCommitsOfOthersOnTheBranchStay(t *testing.T) {
	h := repository(t)
	must(t, h, "through: routes\n", "one")
	theirs := h.Commit(branch, "Fix a typing error", "README.md", "hullo")
	_, err := propose(t, h, "through: routes\n", "two")
	if fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), "somebody committed to the branch") || h.Branches[branch] != theirs.SHA || h.Pulls[0].Body != "one" {
		t.Errorf("%v", err)
	}
}

func TestAForkOfTheSameOwnerIsNotOurs(t *testing.T) {
	h := repository(t)
	h.Pulls = append(h.Pulls, &hubtest.Pull{Number: 5, State: "open", Head: branch, Base: "main", Repo: "acme/shop-fork", Body: "theirs"})
	must(t, h, "through: routes\n", "ours")
	if len(h.Pulls) != 2 || h.Pulls[0].Body != "theirs" || h.Pulls[1].Body != "ours" {
		t.Errorf("%+v", h.Pulls)
	}
}

// Two runs at once: the other one opens it between our question and our request.
func TestAPullRequestThatAnotherRunOpenedFirstIsChanged(t *testing.T) {
	h := repository(t)
	h.Broken = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/pulls") && len(h.Pulls) == 0 {
			h.Pulls = append(h.Pulls, &hubtest.Pull{Number: 100, State: "open", Head: branch, Base: "main", Repo: "acme/shop"})
		}
		return false
	}
	must(t, h, "through: routes\n", "ours")
	if len(h.Pulls) != 1 || h.Pulls[0].Body != "ours" {
		t.Errorf("%+v", h.Pulls)
	}
}

func TestATokenThatMayNotProposeIsToldWhatItNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*hubtest.Hub)
		denied bool
		hint   string
	}{
		"may not push":         {func(h *hubtest.Hub) { h.Write = map[string]bool{"pull_requests": true} }, true, "contents: write, pull-requests: write"},
		"may push only":        {func(h *hubtest.Hub) { h.Write = map[string]bool{"contents": true} }, true, "contents: write, pull-requests: write"},
		"may not even read":    {func(h *hubtest.Hub) { h.Write, h.Public = nil, false }, true, "contents: write"},
		"by the repository":    {func(h *hubtest.Hub) { h.Forbid = true }, true, "allowed to create pull requests"},
		"too many requests":    {func(h *hubtest.Hub) { h.Broken = limited(false) }, false, "once GitHub's API answers"},
		"an API in trouble":    {func(h *hubtest.Hub) { h.Broken = status(http.StatusBadGateway) }, false, "once GitHub's API answers"},
		"a branch in its way":  {func(h *hubtest.Hub) { h.Broken = only(http.MethodPost, "/git/refs", http.StatusUnprocessableEntity) }, false, "once GitHub's API answers"},
		"a request it refuses": {func(h *hubtest.Hub) { h.Broken = only(http.MethodPost, "/pulls", http.StatusUnprocessableEntity) }, false, "once GitHub's API answers"},
	} {
		h := repository(t)
		c.change(h)
		_, err := propose(t, h, "through: routes\n", "one")
		if fault.CodeOf(err) != fault.Unsure || isDenied(err) != c.denied || !strings.Contains(strings.Join(fault.Hints(err), " "), c.hint) {
			t.Errorf("%s: denied %v, hints %q: %v", name, isDenied(err), fault.Hints(err), err)
		}
		if strings.Contains(fmt.Sprint(err), hubtest.Token) || len(h.Pulls) != 0 {
			t.Errorf("%s: %v, %d pull requests", name, err, len(h.Pulls))
		}
	}
}

// The branch could be read, so it is no right that is missing.
func TestAPlanThatIsNotThereAnyMoreIsNamed(t *testing.T) {
	h := repository(t)
	c, r := client(t, h, hubtest.Token)
	_, _, err := c.File(t.Context(), r, "main", "plans/moved.yaml")
	if fault.CodeOf(err) != fault.Refused || errors.Is(err, hub.ErrDenied) || !strings.Contains(fmt.Sprint(err), "plans/moved.yaml is not on main") {
		t.Errorf("it says %v", err)
	}
}
