package hub

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
)

// double answers as GitHub's API does for one run, as far as this package asks; what it is asked without a token or elsewhere is
// an error as GitHub words it. It enforces no approvals: what it says is what it was given.
func double(t *testing.T, record, environment string) func(string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body := map[string]string{
			"/api/v3/repos/acme/shop/actions/runs/42/approvals":     record,
			"/api/v3/repos/acme/shop/environments/production%2Fdns": environment,
		}[r.URL.EscapedPath()]
		switch {
		case r.Header.Get("Authorization") != "Bearer t0k3n":
			w.WriteHeader(http.StatusUnauthorized)
			body = `{"message": "Bad credentials"}`
		case body == "":
			w.WriteHeader(http.StatusNotFound)
			body = `{"message": "Not Found"}`
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	vars := map[string]string{
		"GITHUB_API_URL": s.URL + "/api/v3", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_ACTOR": "ann", "GITHUB_TRIGGERING_ACTOR": "bob",
	}
	return func(name string) string { return vars[name] }
}

func yes(who, environment string) string {
	return fmt.Sprintf(`{"state": "approved", "comment": "go", "user": {"login": %q}, "environments": [{"id": 1, "name": "other"}, {"id": 2, "name": %q}]}`, who, environment)
}

func TestOnlyAYesOnRecordForThisAttemptIsAnApproval(t *testing.T) {
	const env = "production-dns"
	for name, c := range map[string]struct {
		record  string
		attempt int
		others  bool
		code    fault.Code
		says    string
	}{
		"a yes":                           {yes("cat", env), 1, true, fault.OK, "cat"},
		"a yes by who began it":           {yes("ann", env), 1, false, fault.OK, "ann"},
		"nobody else said yes":            {yes("ann", env) + "," + yes("Bob", env), 1, true, fault.Refused, "by ann, Bob alone, who began it"},
		"an empty record":                 {"", 1, false, fault.Refused, "nobody approved this run on production-dns"},
		"another environment":             {yes("cat", "production"), 1, false, fault.Refused, "nobody approved"},
		"still waiting":                   {strings.Replace(yes("cat", env), "approved", "pending", 1), 1, false, fault.Refused, "nobody approved"},
		"a no after a yes":                {yes("cat", env) + "," + strings.Replace(yes("dan", env), "approved", "rejected", 1), 1, false, fault.Refused, `dan rejected this run on production-dns: "go"`},
		"a yes to the attempt before":     {yes("cat", env), 2, false, fault.Refused, "attempt 2 of the run, and production-dns was approved 1 times"},
		"own and others, too few":         {yes("ann", env) + "," + yes("cat", env), 2, true, fault.Refused, "attempt 2 of the run"},
		"a yes to each attempt":           {yes("cat", env) + "," + yes("cat", env), 2, false, fault.OK, "cat"},
		"names of environments fold case": {yes("cat", "Production-DNS"), 1, false, fault.OK, "cat"},
	} {
		t.Run(name, func(t *testing.T) {
			client, run, err := FromEnvironment(double(t, "["+c.record+"]", ""), "t0k3n")
			if err != nil {
				t.Fatal(err)
			}
			run.Attempt = c.attempt
			a, err := client.Approved(t.Context(), run, env, c.others)
			if fault.CodeOf(err) != c.code {
				t.Fatalf("code %d, want %d: %v", fault.CodeOf(err), c.code, err)
			}
			if text := fmt.Sprint(a.By, err); !strings.Contains(text, c.says) {
				t.Errorf("%q does not say %q", text, c.says)
			}
		})
	}
}

func TestWhatCannotBeAskedIsNoYesAndNoNo(t *testing.T) {
	api := double(t, "[]", "")
	for name, c := range map[string]struct{ token, variable, value, hint string }{
		"no token":              {"", "", "", "github-token"},
		"a token that is over":  {"old", "", "", "not valid any more"},
		"a run it may not see":  {"t0k3n", "GITHUB_RUN_ID", "43", "actions: read"},
		"nobody answers":        {"t0k3n", "GITHUB_API_URL", "http://127.0.0.1:1", "once GitHub's API answers"},
		"an answer of no shape": {"t0k3n", "", "", "once GitHub's API answers"},
	} {
		t.Run(name, func(t *testing.T) {
			env := api
			if name == "an answer of no shape" {
				env = double(t, `{"message": "hello"}`, "")
			}
			client, run, err := FromEnvironment(func(n string) string {
				if n == c.variable {
					return c.value
				}
				return env(n)
			}, c.token)
			if err == nil {
				_, err = client.Approved(t.Context(), run, "production-dns", false)
			}
			if fault.CodeOf(err) != fault.Unsure || !strings.Contains(strings.Join(fault.Hints(err), " "), c.hint) {
				t.Errorf("code %d, hints %q: %v", fault.CodeOf(err), fault.Hints(err), err)
			}
			if c.token != "" && strings.Contains(fmt.Sprint(err), c.token) {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
}

func TestOutsideOfAWorkflowThereIsNoRun(t *testing.T) {
	if _, _, err := FromEnvironment(func(string) string { return "" }, "t0k3n"); err != ErrNoRun {
		t.Errorf("no repository: %v", err)
	}
	client, run, err := FromEnvironment(func(name string) string { return map[string]string{"GITHUB_REPOSITORY": "acme/shop"}[name] }, "t0k3n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Approved(t.Context(), run, "production-dns", false); err != ErrNoRun {
		t.Errorf("a repository and no run: %v", err)
	}
}

func TestAnEnvironmentIsAGateOnlyWithReviewersAndBranches(t *testing.T) {
	const reviewers = `"protection_rules": [{"type": "wait_timer", "wait_timer": 5}, {"type": "required_reviewers", "reviewers": [{"type": "User", "reviewer": {"login": "cat"}}]}]`
	const branches = `"deployment_branch_policy": {"protected_branches": true, "custom_branch_policies": false}`
	for body, want := range map[string]string{
		`{"name": "production-dns", ` + reviewers + `, ` + branches + `}`:                                   "",
		`{"name": "production-dns", "protection_rules": [], "deployment_branch_policy": null}`:              "no required reviewers and every branch",
		`{"name": "production-dns", ` + branches + `}`:                                                      "no required reviewers",
		`{"name": "production-dns", ` + reviewers + `}`:                                                     "every branch may use",
		`{"protection_rules": [{"type": "required_reviewers", "reviewers": []}], ` + branches + `, "x": 1}`: "no required reviewers",
	} {
		client, run, err := FromEnvironment(double(t, "[]", body), "t0k3n")
		if err != nil {
			t.Fatal(err)
		}
		err = client.Guarded(t.Context(), run, "production/dns")
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Refused) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}
