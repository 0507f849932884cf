package hub

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-github/v82/github"

	"cutover.dev/cutover/pkg/fault"
)

// Guarded says whether an environment is a gate: that it exists, that somebody has to approve, and that only chosen
// branches get its secrets. What it lacks is an error with the code fault.Refused, all of it at once.
func (c *Client) Guarded(ctx context.Context, r Run, environment string) error {
	var e github.Environment
	if err := c.get(ctx, r, "environments/"+url.PathEscape(environment), &e); err != nil {
		err = fmt.Errorf("ask for the rules of the environment %s: %w", environment, err)
		if status(err) == http.StatusNotFound { // which is also what GitHub says of one that the token may not see
			err = fault.Wrap(fault.CodeOf(err), "if there is no environment of this name, make it, as docs/github.md says, before a job that names it makes one without rules", err)
		}
		return err
	}
	reviewers, branches := 0, e.DeploymentBranchPolicy != nil
	for _, rule := range e.ProtectionRules {
		if rule.GetType() == "required_reviewers" {
			reviewers += len(rule.Reviewers)
		}
	}
	switch {
	case reviewers == 0 && !branches:
		return fault.New(fault.Refused, rules, "the environment %s has no required reviewers and every branch may use it", environment)
	case reviewers == 0:
		return fault.New(fault.Refused, rules, "the environment %s has no required reviewers", environment)
	case !branches:
		return fault.New(fault.Refused, rules, "every branch may use the environment %s", environment)
	}
	return nil
}

const rules = "in the repository's settings, Environments: add required reviewers, and limit deployment branches to the one that plans are merged to"
