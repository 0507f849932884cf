package hub_test

import (
	"errors"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/hub/hubtest"
)

// The workflows are rehearsed against the double, so what GitHub would refuse it has to refuse.
func TestTheDoubleKeepsTheRulesOfEnvironments(t *testing.T) {
	h := hubtest.Start(t)
	h.Environments["production"] = &hubtest.Environment{Reviewers: []string{"rita"}, Branch: "main"}
	h.Environments["open"] = &hubtest.Environment{}
	h.Runs[42] = &hubtest.Run{Workflow: "migrate.yml", Ref: "refs/heads/main", Actor: "ann"}
	h.Runs[43] = &hubtest.Run{Workflow: "migrate.yml", Ref: "refs/heads/other", Actor: "ann"}
	c, r := client(t, h, hubtest.Token)
	approved := func() error {
		_, err := c.Approved(t.Context(), r, "production", true)
		return err
	}
	if err := approved(); fault.CodeOf(err) != fault.Refused {
		t.Errorf("nobody was asked: %v", err)
	}
	for name, c := range map[string]struct {
		run         int64
		environment string
		login       string
		rule        bool
	}{
		"who is no reviewer":          {42, "production", "ann", true},
		"a branch that may not":       {43, "production", "rita", true},
		"where nobody is asked":       {42, "open", "rita", false},
		"a name that is typed wrong":  {42, "prodution", "rita", false},
		"a run that was never begun":  {44, "production", "rita", false},
		"an answer that is no answer": {42, "production", "", true},
	} {
		if err := h.Answer(c.run, c.environment, c.login, "approved"); err == nil || errors.Is(err, hubtest.ErrRule) != c.rule {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h.Environments["prodution"] == nil {
		t.Error("GitHub makes an environment that a job names")
	}
	if err := approved(); fault.CodeOf(err) != fault.Refused {
		t.Errorf("a refused answer is on record: %v", err)
	}
	if err := h.Answer(42, "production", "rita", "approved"); err != nil {
		t.Fatal(err)
	}
	if err := approved(); err != nil {
		t.Error(err)
	}
	if err := c.Guarded(t.Context(), r, "production"); err != nil {
		t.Error(err)
	}
	if err := c.Guarded(t.Context(), r, "prodution"); fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), "no required reviewers") {
		t.Errorf("the one that GitHub made: %v", err)
	}
}

func TestTheDoubleChangesAProtectedBranchByAMergeThatSomebodyElseApproved(t *testing.T) {
	h := hubtest.Start(t)
	h.Commit("main", "one", "plan", "1")
	h.Protected["main"] = true
	h.Commit("ann/two", "two", "plan", "2")
	number, err := h.Open("ann/two", "main", "Two", "ann")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Approve(number, "ann"); err == nil {
		t.Error("ann merged what nobody else approved")
	}
	if err := h.Approve(number, "rita"); err != nil || h.Commits[h.Branches["main"]].Files["plan"] != "2" {
		t.Errorf("%v, main says %q", err, h.Commits[h.Branches["main"]].Files["plan"])
	}
	if err := h.Approve(number, "rita"); err == nil {
		t.Error("it is merged twice")
	}
}
