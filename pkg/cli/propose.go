package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/hub"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/report"
)

// propose opens the pull request for the next phase. It asks no cluster: that the last phase is done is what the report of
// its run says, and a run that says nothing of the kind leads to no proposal. A token that may not propose is a notice.
func propose(ctx context.Context, c *call) error {
	p, err := c.load()
	if err != nil {
		return err
	}
	d := report.Document{Verb: c.verb.Name, Result: report.Result(fault.OK), Plan: p.Metadata.Name}
	why, err := c.propose(ctx, p, &d)
	switch {
	case errors.Is(err, hub.ErrDenied):
		c.notice("the next phase is not proposed", err)
		why, err = "nothing is proposed", nil
	case err != nil:
		return err
	}
	c.publish(d, true)
	if c.flags.Output == "json" {
		return writeJSON(c.stdout, struct {
			Phase    string `json:"phase,omitempty"`    // the phase that is proposed
			Proposal string `json:"proposal,omitempty"` // the address of the pull request
			Why      string `json:"why,omitempty"`      // why there is none
		}{d.Phase, d.Proposal, why})
	}
	_, err = fmt.Fprintln(c.stdout, clean(first(why, "proposed: "+d.Proposal)))
	return err
}

// propose puts the address of the pull request into d, or says why there is none.
func (c *call) propose(ctx context.Context, p *plan.Plan, d *report.Document) (why string, err error) {
	if c.flags.Evidence == "" {
		return "", fault.New(fault.Usage, "cutover propose -h", "--evidence is missing: without a report of the last phase nothing is proposed")
	}
	evidence, err := readReport(c.flags.Evidence)
	if err != nil {
		return "", err
	}
	switch {
	case evidence.Verb != "apply" || evidence.Plan != p.Metadata.Name:
		return "", fault.New(fault.Usage, "give --evidence the report of an apply of this plan", "%s is the report of %s of the plan %q", c.flags.Evidence, evidence.Verb, evidence.Plan)
	case evidence.Result != report.Result(fault.OK):
		return fmt.Sprintf("nothing to propose: %s came to the result %s", evidence.Phase, evidence.Result), nil
	case evidence.Following == "":
		return "nothing to propose: not everything within spec.through is done, or nothing comes after it", nil
	}
	client, run, err := c.hub()
	if errors.Is(err, hub.ErrNoRun) {
		return "", fault.New(fault.Usage, "set GITHUB_REPOSITORY to owner/name, or run it as a job of a workflow", "which repository this is about is not known")
	} else if err != nil {
		return "", err
	}
	base, ok := strings.CutPrefix(c.env("GITHUB_REF"), "refs/heads/")
	path := filepath.ToSlash(filepath.Clean(p.Path))
	if !ok || !filepath.IsLocal(path) {
		return "", fault.New(fault.Usage, "run it on a branch, with a plan below the workspace", "%s on %q is no file of a branch", p.Path, c.env("GITHUB_REF"))
	}
	// The branch counts, not the checkout: this run may be older than it.
	text, commit, err := client.File(ctx, run, base, path)
	if err != nil {
		return "", err
	}
	now, err := plan.Decode(path, text)
	if err != nil {
		return "", err
	}
	if to, _ := now.Following(); to != evidence.Following {
		return fmt.Sprintf("nothing to propose: spec.through on %s is %s, which %s does not follow", base, now.Spec.Through, evidence.Following), nil
	}
	moved, err := plan.Move(path, text, evidence.Following)
	if err != nil {
		return "", err
	}
	d.Phase = evidence.Following
	d.Proposal, err = client.Propose(ctx, run, hub.Proposal{
		Base: base, Commit: commit, Branch: "cutover/" + now.Metadata.Name, Path: path, Text: moved,
		Title: now.Moved(evidence.Following), Ours: now.Moved(""), Body: c.proposal(now, evidence),
	})
	return "", err
}

// proposal is the text of the pull request.
func (c *call) proposal(now *plan.Plan, evidence report.Document) string {
	text := report.Proposal{
		From: now.Spec.Through, To: evidence.Following, Approval: now.Spec.Approvals[evidence.Following], Evidence: c.hide(evidence), Run: c.runURL(),
	}
	if c.flags.Preview == "" {
		return text.String()
	}
	preview, err := readReport(c.flags.Preview)
	switch {
	case err != nil:
		c.warn("the proposal shows no plan of %s: %v", evidence.Following, err)
	case preview.Verb != "plan" || preview.Plan != now.Metadata.Name || preview.Phase != evidence.Following:
		c.warn("the proposal shows no plan of %s: %s is the report of %s %s of the plan %q", evidence.Following, c.flags.Preview, preview.Verb, preview.Phase, preview.Plan)
	default:
		preview = c.hide(preview)
		text.Preview = &preview
	}
	return text.String()
}

// readReport reads a result document, as another run wrote it.
func readReport(path string) (d report.Document, err error) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return d, fault.Wrap(fault.Usage, "keep cutover-report.json of the run as an artifact", fmt.Errorf("read the report: %w", err))
	} else if err != nil {
		return d, fault.Wrap(fault.Usage, "", fmt.Errorf("read the report %s: %w", path, err))
	}
	return d, nil
}
