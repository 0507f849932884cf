package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// pushed is what GitHub says of a merge.
var pushed = map[string]any{"ref": "refs/heads/main"}

// play is the whole migration: a person's pull request, then merges of what the tool proposes, to the last phase; and, without
// -until, a rollback from stepdown to routes in between, and the way forward again.
func (f *flow) play(ctx context.Context, phases []string) error {
	if f.Until != "" && !slices.Contains(phases, f.Until) {
		return fmt.Errorf("the plan has no phase %s", f.Until)
	}
	f.say.Expect(len(phases))
	if err := f.begin(ctx, phases[0]); err != nil {
		return err
	}
	trigger, back, older := "push", f.Until == "", ""
	for i := 0; i < len(phases); i++ {
		if err := f.around(ctx, phases[i], false); err != nil {
			return err
		}
		next, err := f.phase(ctx, phases, i, trigger)
		if err != nil {
			return err
		}
		trigger = next
		f.say.Done("%s is done", phases[i])
		if older != "" {
			if err := f.replay(ctx, older); err != nil {
				return err
			}
			older = ""
		}
		if err := f.around(ctx, phases[i], true); err != nil {
			return err
		}
		switch {
		case phases[i] == f.Until:
			return nil
		case back && phases[i] == "stepdown":
			back = false
			if older, err = f.back(ctx, phases, i); err != nil {
				return err
			}
			i, trigger = slices.Index(phases, "routes"), "push"
		}
	}
	return rehearse.Answers(ctx, f.world, rehearse.EntryOf(world.New), world.New.Name)
}

// around lets clients move and end as the phases want it.
func (f *flow) around(ctx context.Context, phase string, after bool) error {
	switch {
	case after && phase == "routes":
		return f.load.Move(rehearse.Movers, rehearse.EntryOf(world.New))
	case !after && phase == "cleanup":
		if err := rehearse.Answers(ctx, f.world, rehearse.EntryOf(world.Old), world.New.Name); err != nil {
			return fmt.Errorf("ask new through old's entry before its clients end: %w", err)
		}
		return f.load.End(rehearse.Stayers)
	}
	return nil
}

var shownDigest = regexp.MustCompile(`[0-9a-f]{64}`)

// begin is the first pull request: its plan is shown in a comment, its author cannot approve it, and somebody else merges it.
func (f *flow) begin(ctx context.Context, first string) (err error) {
	if f.text, err = begun(f.root, first); err != nil {
		return err
	}
	if err := f.repo.commit(ctx, f.text); err != nil {
		return err
	}
	number, err := f.open(ctx, f.text)
	if err != nil {
		return err
	}
	r, err := f.pulled(ctx, number, repository)
	if err != nil {
		return err
	}
	fork, err := f.pulled(ctx, number, "eve/shop")
	if err != nil {
		return err
	}
	if validate, show := fork.job("validate").Result, fork.job("show").Result; validate != "success" || show != "skipped" {
		f.no("plan.yml for a fork: validate %s, show %s", validate, show)
	}
	state, err := f.hub.state(ctx)
	if err != nil {
		return err
	}
	switch {
	case r.fail != nil || r.job("validate").Result != "success" || r.job("show").Result != "success":
		return fmt.Errorf("plan.yml: validate %s, show %s (%v)", r.job("validate").Result, r.job("show").Result, r.fail)
	case len(state.Comments) != 1 || !shownDigest.MatchString(state.Comments[0].Body) || !strings.Contains(state.Comments[0].Body, first):
		f.no("plan.yml left %d comments, none with the digest of %s", len(state.Comments), first)
	}
	return f.merge(ctx, number)
}

// pulled runs plan.yml for a pull request that comes from a repository.
func (f *flow) pulled(ctx context.Context, number int, from string) (*ran, error) {
	return f.start(ctx, "plan.yml", "pull_request", map[string]any{
		"ref": fmt.Sprintf("refs/pull/%d/merge", number), "number": number,
		"pull_request": map[string]any{
			"number": number, "base": map[string]any{"ref": "main"},
			"head": map[string]any{"ref": "ann/plan", "sha": strings.Repeat("a", 40), "repo": map[string]any{"full_name": from}},
		},
	}, false)
}

// open opens a pull request of a person for a text of the plan.
func (f *flow) open(ctx context.Context, text string) (number int, err error) {
	if err := f.hub.do(ctx, "commit", asked{"Branch": "ann/plan", "Message": "Move the plan", "Path": planFile, "Text": text}, nil); err != nil {
		return 0, err
	}
	err = f.hub.do(ctx, "open", asked{"Branch": "ann/plan", "Ref": "main", "Message": "Move the plan", "Login": author}, &number)
	return number, err
}

// merge has a pull request merged by who may, and checks the result out.
func (f *flow) merge(ctx context.Context, number int) error {
	state, err := f.hub.state(ctx)
	if err != nil {
		return err
	}
	for _, p := range state.Pulls {
		if p.Number == number && f.hub.do(ctx, "merge", asked{"Number": number, "Login": p.Author}, nil) == nil {
			f.no("%s merged a pull request that nobody else approved", p.Author)
		}
	}
	if err := f.hub.do(ctx, "merge", asked{"Number": number, "Login": reviewer}, nil); err != nil {
		return err
	}
	if err := f.hub.do(ctx, "text", asked{"Branch": "main", "Path": planFile}, &f.text); err != nil {
		return err
	}
	return f.repo.commit(ctx, f.text)
}

// phase runs migrate.yml until one phase is done, and returns what starts the next run.
func (f *flow) phase(ctx context.Context, phases []string, i int, trigger string) (string, error) {
	if phases[i] == "proxy" { // the first that wants an approval: without one it is refused
		r, err := f.start(ctx, "migrate.yml", trigger, pushed, false)
		if err != nil {
			return "", err
		}
		if got := r.applied(); got["result"] != "refused" || got["mutated"] != "false" || r.job("run").Result != "failure" {
			f.no("run %d: proxy without an approval: job %s, outputs %v", r.id, r.job("run").Result, got)
		}
		trigger = "workflow_dispatch"
	}
	for range 5 { // a phase that has to wait ends green, and the schedule goes on
		r, err := f.start(ctx, "migrate.yml", trigger, pushed, true)
		if err != nil {
			return "", err
		}
		got := r.applied()
		if r.fail == nil && got["result"] == "waiting" {
			trigger = "schedule"
			if err := until(ctx, got["not-before"]); err != nil {
				return "", err
			}
			continue
		}
		if r.fail != nil || got["result"] != "done" || got["phase"] != phases[i] {
			return "", fmt.Errorf("run %d is to do %s: job run %s, result %q, phase %q (%v)", r.id, phases[i], r.job("run").Result, got["result"], got["phase"], r.fail)
		}
		if want := r.job("next").Steps["next"].Outputs["digest"]; got["digest"] != want || !digest.MatchString(want) {
			f.no("run %d: %s ran with the digest %q, and %q was shown", r.id, phases[i], got["digest"], want)
		}
		f.looked(r, phases[i])
		return f.following(ctx, r, phases, i)
	}
	return "", fmt.Errorf("%s still waits", phases[i])
}

func until(ctx context.Context, notBefore string) error {
	at, err := time.Parse(time.RFC3339, notBefore)
	if err != nil {
		return fmt.Errorf("read not-before: %w", err)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(max(time.Second, time.Until(at)+time.Second)):
		return nil
	}
}

// following sees what a run that did a phase has left: the start of the next one, or the pull request that lets it begin.
func (f *flow) following(ctx context.Context, r *ran, phases []string, i int) (string, error) {
	state, err := f.hub.state(ctx)
	if err != nil {
		return "", err
	}
	starts := len(state.Workflows["migrate.yml"].Started) - f.starts
	f.starts += starts
	switch next := r.applied()["next-phase"]; {
	case i == len(phases)-1:
		if next != "" || starts > 0 {
			f.no("after the last phase %d runs are started, next is %q", starts, next)
		}
		return "", nil
	case next == phases[i+1] && starts == 1:
		return "workflow_dispatch", nil
	case next != "" || starts > 0:
		return "", fmt.Errorf("after %s comes %q, and %d runs are started", phases[i], next, starts)
	}
	open := 0
	for _, p := range state.Pulls {
		if p.State == "open" && p.Head == "cutover/demo" && strings.Contains(p.Title, phases[i+1]) && strings.Contains(p.Body, phases[i]) {
			open = p.Number
		}
	}
	if open == 0 {
		return "", fmt.Errorf("after %s nothing proposes %s: jobs preview %s, propose %s", phases[i], phases[i+1], r.job("preview").Result, r.job("propose").Result)
	}
	if phases[i] == f.Until {
		return "", nil
	}
	if phases[i] == "routes" { // a merge that says [skip ci], or changes more files than GitHub looks at: it starts nothing, and the next hour does
		return "schedule", f.merge(ctx, open)
	}
	return "push", f.merge(ctx, open)
}

// back takes everything after routes back by rollback.yml, and a person moves the plan back, and then on again, changed. It returns
// the plan from before that change.
func (f *flow) back(ctx context.Context, phases []string, done int) (older string, err error) {
	from := slices.Index(phases, "routes")
	r, err := f.rolledBack(ctx, "routes")
	if err != nil {
		return "", err
	}
	var order []string
	for _, j := range r.got.jobs {
		if strings.HasPrefix(j.Name, "back-") && j.Steps["rollback"].Outputs["result"] == "done" {
			order = append(order, j.Steps["rollback"].Outputs["phase"])
		}
	}
	want := slices.Clone(phases[from+1 : done+1])
	slices.Reverse(want)
	if r.fail != nil || !slices.Equal(order, want) {
		return "", fmt.Errorf("rollback.yml took back %v, want %v (%v)", order, want, r.fail)
	}
	if err := f.hub.do(ctx, "run", asked{"Run": 9999, "Workflow": "migrate.yml"}, nil); err == nil {
		f.no("a rollback leaves migrate.yml on")
	}
	for _, phase := range []string{"routes", "stepdown"} { // first what stands, as the workflow says, then on
		text, err := through(f.text, phase)
		if err == nil && phase == "stepdown" {
			older = text
			text, err = another(text)
		}
		if err != nil {
			return "", err
		}
		number, err := f.open(ctx, text)
		if err != nil {
			return "", err
		}
		if err := f.merge(ctx, number); err != nil {
			return "", err
		}
	}
	return older, f.hub.do(ctx, "workflow", asked{"Name": "migrate.yml", "Off": false}, nil)
}
