package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ghaction"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/report"
)

// postName is the binary's second name: what finishes or takes back a stretch that a cancelled job left half-way.
const postName = "cutover-post"

const (
	reportFile    = "cutover-report.json" // in the workspace, which is where the action is started
	stateFinished = "finished"            // kept for the post-entrypoint
	longestPath   = 255                   // what is longer is the content of a kubeconfig
)

// mutating are the verbs that may leave a stretch half-way.
var mutating = []string{"apply", "rollback", "recover", "adopt"}

// action is the runner of GitHub Actions that this run speaks to.
type action struct {
	*ghaction.Runner
	wrote map[string]string // outputs, so that the last ones are complete
	ended bool              // the last outputs and the summary are there
	post  bool              // the step itself is over, and its outputs are what it left
}

// runAction runs the verb that the inputs name.
func runAction(ctx context.Context, c *call) error {
	runner := ghaction.New(c.env, c.stdout)
	lines := runner.Foreign(nil)
	post := len(c.args) > 0
	c.action = &action{Runner: runner, wrote: map[string]string{}, post: post}
	if post && (runner.State(stateFinished) == "true" || !slices.Contains(mutating, first(runner.Input("verb"), "apply"))) {
		return nil
	}
	// One pipe for everything: the runner promises no order between two.
	out := &locked{w: lines}
	c.stdout, c.stderr = out, out
	err := c.fromInputs(ctx, post)
	if !isShown(err) && err != nil {
		c.complain(err)
		err = coded(err, false, false)
	}
	if !c.action.ended { // whatever the verb: a later step goes by its outputs
		d := report.Document{Verb: c.verb.Name, Phase: c.flags.Phase, Started: time.Now().UTC()}
		d.Fail(err)
		c.publish(d, true)
	}
	if !errors.Is(err, engine.ErrHalfway) { // else the post-entrypoint tries once more
		if saved := runner.SaveState(stateFinished, "true"); saved != nil && !errors.Is(saved, ghaction.ErrNoRunner) {
			c.warn("%v", saved)
		}
	}
	if flushed := lines.Flush(); flushed != nil && err == nil {
		return flushed
	}
	if fault.CodeOf(err) == fault.Waiting {
		return nil // nothing is wrong: result is waiting, and not-before says when to come back
	}
	return shown(err)
}

// fromInputs translates the inputs into flags and runs the verb.
func (c *call) fromInputs(ctx context.Context, post bool) error {
	in, env := c.action.Input, c.env
	c.env = func(name string) string {
		switch name {
		case oldVariable:
			return first(in("old-kubeconfig"), env(name))
		case newVariable:
			return first(in("new-kubeconfig"), env(name))
		case authVariable:
			return first(in("kube-auth"), env(name))
		case audienceVariable:
			return first(in("kube-audience"), env(name))
		}
		return env(name)
	}
	c.mask([]string{in("github-token")})
	for _, name := range []string{"old-kubeconfig", "new-kubeconfig"} {
		if value := in(name); len(value) > longestPath {
			c.mask([]string{value})
		}
	}
	if unknown := ghaction.Unknown(os.Environ()); len(unknown) > 0 {
		return fault.New(fault.Usage, "action.yml lists the inputs", "the action has no input %q", unknown)
	}
	name := first(in("verb"), "apply")
	if post {
		name = "recover"
	}
	i := slices.IndexFunc(verbs(), func(v verb) bool { return v.Name == name })
	if i < 0 || name == "action" || name == "relay" {
		return fault.New(fault.Usage, "action.yml lists the verbs", "there is no verb %q", name)
	}
	v := verbs()[i]
	args := []string{}
	for _, flag := range v.Flags {
		if value := in(flag); value != "" && slices.Contains(ghaction.Inputs, flag) {
			args = append(args, "--"+flag+"="+value)
		}
	}
	c.args = nil
	return c.invoke(ctx, v, args)
}

// matrix is an output that a matrix can be made from.
func matrix(values []string) string {
	b, err := json.Marshal(append([]string{}, values...)) // never null
	if err != nil {
		return "[]"
	}
	return string(b)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// annotate puts a mistake of the plan where it is.
func (c *call) annotate(p plan.Problem) {
	if c.action != nil {
		c.action.Annotate(ghaction.Error, p.File, p.Line, p.Col, p.Message)
	}
}

// publish writes outputs, the report and, at the end, the summary of a step. That it could not is told and changes
// nothing: the clusters are what they are.
func (c *call) publish(d report.Document, last bool) {
	if c.action == nil {
		return
	}
	c.action.ended = last
	d = c.hide(d)
	var errs []error
	not := ""
	if !d.NotBefore.IsZero() {
		not = d.NotBefore.UTC().Format(time.RFC3339)
	}
	mutated := d.Mutated || !last // while it runs: if this process dies, something may have been changed
	for key, value := range map[string]string{
		"result": d.Result, "phase": d.Phase, "next-phase": d.Next, "approval": d.Approval, "digest": d.Digest,
		"not-before": not, "mutated": strconv.FormatBool(mutated), "report": reportFile,
		"journal": d.Journal, "back": matrix(d.Back), "following": d.Following, "proposal": d.Proposal,
	} {
		if was, ok := c.action.wrote[key]; c.action.post || ok && was == value {
			continue
		}
		errs = append(errs, c.action.Output(key, value))
		c.action.wrote[key] = value
	}
	markdown, truncated := report.Markdown(d, 0)
	d.Truncated = truncated
	errs = append(errs, c.action.Summary(markdown))
	var b bytes.Buffer
	if err := d.JSON(&b); err == nil {
		err = os.WriteFile(reportFile, b.Bytes(), 0o644)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		c.warn("%s", fmt.Sprintf("tell the runner: %v", err))
	}
}
