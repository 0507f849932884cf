package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
)

// Approval is who said yes to a run on one environment.
type Approval struct {
	By      []string // logins, each once, in the order of GitHub's record
	Comment string   // of the last of them
}

// review is one entry of the record of a run: one click of one person, on one or more environments.
type review struct {
	State        string
	Comment      string
	User         struct{ Login string }
	Environments []struct{ Name string }
}

// Approved says who approved this attempt of the run on an environment. That nobody did is an error with the code
// fault.Refused, and so is a rejection; what could not be asked is fault.Unsure.
//
// GitHub keeps one record for all attempts of a run and writes no attempt beside an entry. An attempt that began anew asks
// its reviewers anew, so the n-th attempt wants n yeses on record: one that only repeated failed jobs is refused, and so is one
// after an attempt that nobody had to approve. A new run starts afresh. Outside of a run it returns ErrNoRun. others: a yes of somebody who began the run does not count.
func (c *Client) Approved(ctx context.Context, r Run, environment string, others bool) (Approval, error) {
	if r.ID <= 0 || r.Attempt < 1 {
		return Approval{}, ErrNoRun
	}
	var record []review
	if err := c.get(ctx, r, fmt.Sprintf("actions/runs/%d/approvals", r.ID), &record); err != nil {
		return Approval{}, fmt.Errorf("ask who approved run %d on %s: %w", r.ID, environment, err)
	}
	var a Approval
	var own []string
	yeses := 0
	for _, entry := range record {
		if !entry.on(environment) {
			continue
		}
		switch login := entry.User.Login; {
		case entry.State == "rejected":
			return Approval{}, fault.New(fault.Refused, "begin a new run", "%s rejected this run on %s%s", login, environment, said(entry.Comment))
		case entry.State != "approved" || login == "":
		case others && r.began(login):
			own = append(own, login)
		default:
			yeses++
			a.Comment = entry.Comment
			if !slices.Contains(a.By, login) {
				a.By = append(a.By, login)
			}
		}
	}
	if yeses < r.Attempt {
		return Approval{}, missing(r, environment, yeses, own)
	}
	return a, nil
}

// missing is the no, with what was found instead.
func missing(r Run, environment string, yeses int, own []string) error {
	hint := "the job before this one has to name the environment " + environment + ", and the environment needs required reviewers: GitHub makes one that is missing, without rules"
	switch {
	case yeses == 0 && len(own) > 0:
		return fault.New(fault.Refused, "somebody who did not begin the run has to approve it",
			"this run is approved on %s by %s alone, who began it", environment, strings.Join(own, ", "))
	case yeses > 0:
		return fault.New(fault.Refused, "begin a new run; a re-run counts only if all its jobs ran again and every attempt before it was approved",
			"this is attempt %d of the run, and %s was approved %d times", r.Attempt, environment, yeses)
	}
	return fault.New(fault.Refused, hint, "nobody approved this run on %s", environment)
}

func (e review) on(environment string) bool {
	return slices.ContainsFunc(e.Environments, func(x struct{ Name string }) bool { return strings.EqualFold(x.Name, environment) })
}

func (r Run) began(login string) bool {
	return slices.ContainsFunc(r.Starters, func(s string) bool { return strings.EqualFold(s, login) })
}

func said(comment string) string {
	if comment = strings.TrimSpace(comment); comment == "" {
		return ""
	}
	return fmt.Sprintf(": %q", comment)
}
