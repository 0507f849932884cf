package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cutover.dev/cutover/lab/audit"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// logged is how long the audit logs may take until they tell of everything: they are written some seconds late.
const logged = 20 * time.Second

// unplayed are the rights that the demo does not use since nothing fails in it and it takes back its last wave alone; lab/e2e
// goes each phase of the HTTP road back and uses them. What leads requests goes in cleanup here.
var unplayed = []audit.Excuse{
	{
		Right: audit.Right{User: "run", Cluster: "new", Verb: "delete"}, Resources: []string{"deployments", "horizontalpodautoscalers", "poddisruptionbudgets"},
		Why: "takes away workloads in new of the waves that are not taken back",
	},
	{
		Right: audit.Right{User: "run", Cluster: "new", Verb: "delete"}, Resources: []string{"configmaps", "secrets", "serviceaccounts", "networkpolicies", "roles", "rolebindings"},
		Why: "takes away in new what went with the workloads of the waves that are not taken back, and certificates",
	},
	{Right: audit.Right{User: "run", Cluster: "new", Verb: "list", Resource: "events"}, Why: "looked at after a failure, wherever it was", Chance: true},
}

// unwritten is one more where names move.
var unwritten = audit.Excuse{Right: audit.Right{User: "run", Verb: "list", Resource: "services"}, Why: "read as an external-dns does, where one runs: in the lab none does"}

// tail is in old, and cleanup takes it away only with what leads to it, old's own Ingresses, which stay here.
var tail = []audit.Excuse{
	{Right: audit.Right{User: "run", Cluster: "old", Verb: "delete", Resource: "services", Name: "cutover-tail"}, Why: "takes away the tail, which stays here"},
	{Right: audit.Right{User: "run", Cluster: "old", Verb: "delete", Resource: "endpointslices", Name: "cutover-tail-1"}, Why: "takes away the addresses of the tail, which stays here"},
}

// rights compares what the tool says that it needs for the demo's plan with what both audit logs saw. A lab that was up
// before has logs of others, and a run that did not come to its end tells nothing of what it did not come to.
func (d *demo) rights(ctx context.Context, played error) error {
	if !d.Up || played != nil {
		return nil
	}
	d.view.note("rights: comparing them with the audit logs")
	granted, err := rehearse.Granted(ctx, d.tool)
	if err != nil {
		return fmt.Errorf("ask for the rights of the plan: %w", err)
	}
	planner := d.tool // asks, as a pull request may, who holds the lock
	planner.Env = d.world.EnvironmentOf(world.UserPlan)
	if _, err := planner.Verb(ctx, nil, "status"); err != nil {
		return fmt.Errorf("ask for the status as who only plans: %w", err)
	}
	excuses := slices.Concat(unplayed, tail)
	if d.Names {
		excuses = append(excuses, unwritten)
	}
	ctx, cancel := context.WithTimeout(ctx, logged)
	defer cancel()
	var last rehearse.Rights
	no := every(ctx, time.Second, func() error {
		got, err := rehearse.Judge(d.world, granted, excuses...)
		if err != nil {
			return err
		}
		if last = got; len(got.Wrong) > 0 {
			return errStill
		}
		return nil
	})
	if no != nil && last.Wrong == nil { // a log could not be read; else the report says what is wrong
		return fmt.Errorf("compare rights with the audit logs: %w", no)
	}
	d.report.Rights = &rightsPart{last}
	return nil
}

var errStill = errors.New("rights are still wrong")

// rightsPart is what became of the rights; nil: they were not compared.
type rightsPart struct{ rehearse.Rights }

// problems is the verdict on the rights: all of them were needed, and no other.
func (p *rightsPart) problems() (out []string) {
	if p == nil {
		return nil
	}
	for _, wrong := range p.Wrong {
		out = append(out, "rights: "+wrong)
	}
	if p.Used == 0 {
		out = append(out, "rights: the audit logs saw none used")
	}
	return out
}

func (p *rightsPart) figures() [][2]string {
	if p == nil {
		return [][2]string{{"rights", "not compared with the audit logs"}}
	}
	return [][2]string{{"rights granted / used / wrong, by both audit logs", fmt.Sprintf("%d / %d / %d", p.Granted, p.Used, len(p.Wrong))}}
}
