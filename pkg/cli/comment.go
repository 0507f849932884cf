package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ghaction"
	"cutover.dev/cutover/pkg/report"
)

// commenting is how long a comment may take in all. What it says is in the log already.
const commenting = time.Minute

// comment shows a plan under the pull request that this run belongs to, in the one comment of its plan. Outside of a pull
// request it does nothing. That it could not is a notice: the plan is what it is. A run that was stopped says nothing, since
// what stopped it may be the run of a later commit.
func (c *call) comment(ctx context.Context, d report.Document) {
	if c.env("GITHUB_EVENT_NAME") != "pull_request" || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commenting)
	defer cancel()
	number, commit, err := pullRequest(c.env("GITHUB_EVENT_PATH"))
	if err == nil {
		err = c.keepComment(ctx, d, number, commit)
	}
	if err != nil {
		c.notice("the plan is not shown under the pull request", err)
	}
}

func (c *call) keepComment(ctx context.Context, d report.Document, number int, commit string) error {
	client, run, err := c.hub()
	if err != nil {
		return err
	}
	url, err := client.Keep(ctx, run, number, report.Marker(d.Plan), report.Comment(c.hide(d), commit, c.runURL()))
	if err == nil {
		fmt.Fprintf(c.stderr, "shown under the pull request: %s\n", clean(url))
	}
	return err
}

// runURL is the address of this run, "" outside of GitHub Actions.
func (c *call) runURL() string { return ghaction.New(c.env, c.stdout).Run().URL }

// pullRequest reads from the event of a run which pull request it is about, and its last commit.
func pullRequest(path string) (number int, commit string, err error) {
	var event struct {
		Number      int `json:"number"`
		PullRequest struct {
			Head struct {
				SHA string `json:"sha"`
			} `json:"head"`
		} `json:"pull_request"`
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &event)
	}
	if err == nil && event.Number < 1 {
		err = errors.New("it has no number")
	}
	if err != nil {
		return 0, "", fmt.Errorf("read the event of this run: %w", err)
	}
	return event.Number, event.PullRequest.Head.SHA, nil
}

// notice tells what was not done and why, where nothing depends on it.
func (c *call) notice(what string, err error) {
	text := fmt.Sprintf("%s: %v", what, err)
	if hints := fault.Hints(err); len(hints) > 0 {
		text += " (" + strings.Join(hints, "; ") + ")"
	}
	if c.action != nil {
		c.action.Annotate(ghaction.Notice, "", 0, 0, clean(text))
		return
	}
	fmt.Fprintf(c.stderr, "cutover: note: %s\n", clean(text))
}
