package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestThePlanIsBegunWithApprovalsAndMovedByOneLine(t *testing.T) {
	text, err := begun("../..", "join")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n  through: join\n", "\n  approvals: {proxy: production, stepdown: production, cleanup: production}\n  probe:"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	moved, err := through(text, "migrate/shop")
	if err != nil || moved != strings.Replace(text, "through: join", "through: migrate/shop", 1) {
		t.Errorf("%v\n%s", err, moved)
	}
	if _, err := through("spec:\n", "x"); err == nil {
		t.Error("a plan without through is moved")
	}
}

func TestEachJobOfAMatrixHasALogOfItsOwn(t *testing.T) {
	for want, e := range map[string]entry{
		"next":              {Job: "migrate/find the next phase", JobID: "next"},
		"back-migrate-blog": {Job: "rollback/migrate/blog", JobID: "back"},
		"":                  {},
	} {
		if got := named(e); got != want {
			t.Errorf("%v is %q, want %q", e, got, want)
		}
	}
}

func TestTheStandInForTheCommandLineAsksWhatTheRealOneWouldAsk(t *testing.T) {
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header.Get("Authorization")))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer api.Close()
	t.Setenv("GITHUB_API_URL", api.URL)
	t.Setenv("GH_TOKEN", "t0k3n")
	for want, args := range map[string]string{
		"POST /repos/acme/shop/actions/workflows/migrate.yml/dispatches Bearer t0k3n": "workflow run migrate.yml --repo acme/shop --ref main",
		"PUT /repos/acme/shop/actions/workflows/migrate.yml/disable Bearer t0k3n":     "workflow disable migrate.yml --repo acme/shop",
	} {
		asked = nil
		if err := gh(strings.Fields(args)); err != nil || len(asked) != 1 || asked[0] != want {
			t.Errorf("%s: %v, %q", args, err, asked)
		}
	}
	if err := gh([]string{"pr", "list"}); err == nil {
		t.Error("it takes what it does not know for done")
	}
}

// The play replays a run by the plan of before: it needs one that is another by its digest.
func TestTheDemoHasAPlanThatCanBeAnother(t *testing.T) {
	text, err := begun("../..", "link")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := another(text); err != nil || other == text {
		t.Errorf("%v", err)
	}
}

// Whoever changes the workflows has to hear of it here, not after a quarter of an hour.
func TestTheWorkflowsUseWhatThereAreStandInsFor(t *testing.T) {
	for _, file := range []string{"migrate.yml", "plan.yml", "rollback.yml"} {
		text, err := os.ReadFile(filepath.Join("../../.github/workflows", file))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			_, used, is := strings.Cut(line, "uses: ")
			name, _, _ := strings.Cut(used, "@")
			if _, stands := artifacts[name]; is && !stands && name != "actions/checkout" && !strings.HasPrefix(used, "./") {
				t.Errorf("%s: there is no stand-in for %s", file, used)
			}
			if _, command, is := strings.Cut(line, "run: gh "); is && !strings.HasPrefix(command, "workflow run migrate.yml --repo") && !strings.HasPrefix(command, "workflow disable migrate.yml --repo") {
				t.Errorf("%s: the stand-in for gh does not know %s", file, command)
			}
		}
	}
}
