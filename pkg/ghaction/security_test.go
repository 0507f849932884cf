package ghaction_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// SECURITY.md says what whoever steals the token of a job has: so it has to name every job, and what that job really gets.
func TestTheSecurityPolicyKnowsEveryJobAndWhatItMayDo(t *testing.T) {
	policy, jobs := read(t, "SECURITY.md"), 0
	for _, file := range []string{"plan.yml", "migrate.yml", "rollback.yml", "release.yml"} {
		var w struct {
			Jobs map[string]struct {
				Permissions yaml.Node
				Environment any
				Steps       []struct{ With, Env map[string]string }
				Env         map[string]string
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/"+file)), &w); err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
			job, permissions, environment := w.Jobs[name], []string{}, ""
			for i := 0; i+1 < len(job.Permissions.Content); i += 2 {
				permissions = append(permissions, job.Permissions.Content[i].Value+": "+job.Permissions.Content[i+1].Value)
			}
			switch e := job.Environment.(type) {
			case string:
				if environment = "`" + e + "`"; strings.Contains(e, "${{") {
					environment = "of the plan"
				}
			case nil:
			default:
				t.Errorf("%s %s: an environment that this test cannot read: %v", file, name, e)
			}
			row := fmt.Sprintf("| `%s` `%s` | %s | %s | ", file, name, strings.Join(permissions, ", "), environment)
			row = regexp.MustCompile(` +`).ReplaceAllString(row, " ")
			if !strings.Contains(policy, row) {
				t.Errorf("SECURITY.md lacks the row %q", row)
			}
			for _, s := range job.Steps {
				for _, values := range []map[string]string{s.With, s.Env, job.Env} {
					for key, value := range values {
						if strings.Contains(value, "secrets.") && environment == "" {
							t.Errorf("%s %s: %s is a secret, and the job has no environment to guard it", file, name, key)
						}
						if strings.Contains(value, "secrets.TSIG_SECRET") && environment != "`migration`" {
							t.Errorf("%s %s: %s writes zones, and who only looks may be anybody who can push a branch", file, name, key)
						}
					}
				}
			}
			// Whoever has a kubeconfig may be given a plan whose zones nobody reads without credentials.
			clusters := slices.ContainsFunc(job.Steps, func(s struct{ With, Env map[string]string }) bool { return s.With["old-kubeconfig"] != "" })
			for _, variable := range []string{"CUTOVER_CLOUDFLARE_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
				if want := "${{ secrets." + strings.TrimPrefix(variable, "CUTOVER_") + " }}"; clusters && job.Env[variable] != want {
					t.Errorf("%s %s: %s is %q, want %q", file, name, variable, job.Env[variable], want)
				}
			}
			jobs++
		}
	}
	if rows := strings.Count(policy, ".yml` `"); jobs != rows || jobs < 10 {
		t.Errorf("SECURITY.md has %d jobs, the workflows %d", rows, jobs)
	}
}
