package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/hub"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/report"
)

// tokenVariable is where a run by hand has its token; the action has an input for it.
const tokenVariable = "GITHUB_TOKEN"

// What marks a run in the journal: that nobody approved it, and that it did not wait.
const (
	withoutApproval = "without approval: "
	notWaited       = " (--now: caches were not waited for)"
)

// runOf is this run as the journal names it in what it does to a phase. That nobody approved it is said of a phase that wants
// an approval, and stands last, whatever the reason says.
func (s *session) runOf(name string) string {
	why := s.call.flags.Unapproved
	if _, wants := s.plan.Spec.Approvals[name]; why == "" || !wants {
		return s.run
	}
	return s.run + " (" + withoutApproval + why + ")"
}

// approval wants the approval that the plan demands of a phase to be on record for this run, and says whose it is.
func (s *session) approval(name string) phase.Step {
	yes := "none is demanded"
	g := gate("approval", "the approval that the plan demands is on record", func(ctx context.Context) (err error) {
		if given, err := s.approved(ctx, name); given != "" || err != nil {
			yes = given
			return err
		}
		return nil
	})
	ask := g.Observe
	g.Observe = func(ctx context.Context) (phase.Observation, error) {
		seen, err := ask(ctx)
		if seen.State == phase.Done {
			seen.Detail = yes
		}
		return seen, err
	}
	return g
}

// approved fails closed: GitHub makes an environment that is missing, without rules, so a job that ran is no proof that
// anybody approved it, and only the record of the run is. The approval is of what the run planned, so the digest of that
// has to come with it.
func (s *session) approved(ctx context.Context, name string) (given string, err error) {
	environment, ok := s.plan.Spec.Approvals[name]
	if !ok {
		return "", nil
	}
	c := s.call
	if why := c.flags.Unapproved; why != "" {
		return fmt.Sprintf("not approved on %s, by the will of who runs it: %s", environment, why), nil
	}
	client, run, err := c.hub()
	var a hub.Approval
	if err == nil {
		a, err = client.Approved(ctx, run, environment, s.plan.Spec.PreventSelfReview)
	}
	switch {
	case errors.Is(err, hub.ErrNoRun):
		return "", refused(`run it as a job of a workflow, or with --unapproved "why": that stays in the journal and in every later summary`,
			"%s wants to be approved on %s, and only a run of GitHub Actions can be", name, environment)
	case err != nil:
		return "", err
	case c.flags.Digest == "":
		return "", refused("give --expect-digest what the plan that was approved printed", "an approval of %s is for one digest, and none is given", name)
	}
	return fmt.Sprintf("approved on %s by %s", environment, strings.Join(a.By, ", ")), nil
}

// whole refuses a phase that somebody has to approve by a summary which does not show all that it would change. By hand there
// is no such page: the plan is printed.
func (o *outcome) whole(name string) error {
	c := o.session.call
	environment, ok := o.session.plan.Spec.Approvals[name]
	if !ok || c.action == nil || report.Whole(c.hide(o.document(nil))) {
		return nil
	}
	return refused("give it less to change, such as a wave of fewer workloads; "+reportFile+", which the workflow keeps as an artifact, has all of it",
		"%s wants to be approved on %s, and what it would change does not fit in a summary", name, environment)
}

// unapproved are the phases that ran without the approval that their plan demanded, each once, and why, for every summary
// from then on.
func unapproved(entries []journal.Entry) []string {
	var out []string
	seen := map[string]bool{}
	for _, e := range entries {
		_, why, ok := strings.Cut(e.Run, "("+withoutApproval)
		why = strings.TrimSuffix(strings.TrimSuffix(why, notWaited), ")") // which earlier builds wrote behind it
		if line := fmt.Sprintf("%s, %s", e.Phase, why); ok && !seen[line] {
			seen[line] = true
			out = append(out, line)
		}
	}
	return out
}

// hub is the GitHub that this run is part of. ErrNoRun: of none.
func (c *call) hub() (*hub.Client, hub.Run, error) {
	token := c.env(tokenVariable)
	if c.action != nil {
		token = first(c.action.Input("github-token"), token)
	}
	if token != "" {
		c.mask([]string{token})
	}
	return hub.FromEnvironment(c.env, token)
}

// preflight looks whether the environments that the plan wants approvals on are gates at all. It asks GitHub alone.
func preflight(ctx context.Context, c *call) error {
	p, err := c.load()
	if err != nil {
		return err
	}
	client, run, err := c.hub()
	if errors.Is(err, hub.ErrNoRun) {
		return fault.New(fault.Usage, "set GITHUB_REPOSITORY to owner/name, or run it as a job of a workflow", "which repository this is about is not known")
	} else if err != nil {
		return err
	}
	type row struct {
		Name string `json:"name"`
		Gate bool   `json:"gate"`
		Why  string `json:"why,omitempty"` // why not, or why nobody could tell
	}
	out := struct {
		Environments []row `json:"environments"`
	}{[]row{}}
	var errs []error
	code := fault.Refused
	for _, environment := range slices.Compact(slices.Sorted(maps.Values(p.Spec.Approvals))) {
		err := client.Guarded(ctx, run, environment)
		if err == nil {
			out.Environments = append(out.Environments, row{Name: environment, Gate: true})
			continue
		}
		out.Environments = append(out.Environments, row{Name: environment, Why: err.Error()})
		if fault.CodeOf(err) != fault.Refused {
			code = fault.Unsure
		}
		errs = append(errs, err)
	}
	no := fault.Wrap(code, "", errors.Join(errs...))
	if c.flags.Output == "json" {
		return errors.Join(no, writeJSON(c.stdout, out))
	}
	for _, e := range out.Environments {
		if e.Gate {
			fmt.Fprintf(c.stdout, "%s: somebody has to approve, and only chosen branches may use it\n", e.Name)
		}
	}
	if len(out.Environments) == 0 {
		fmt.Fprintln(c.stdout, "the plan wants no approvals: every phase runs as soon as it is its turn")
	}
	return no
}
