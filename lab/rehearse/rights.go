package rehearse

import (
	"context"
	"slices"

	"cutover.dev/cutover/lab/audit"
	"cutover.dev/cutover/lab/world"
)

// identities are the tool's, by their names in audit logs.
var identities = map[string]string{world.Account(world.UserRun): "run", world.Account(world.UserPlan): "plan"}

// roles are the values of identities, in the order in which the tool is asked for them.
var roles = []string{"plan", "run"}

// What the tool makes: what leads requests, what a wave moves, and what goes with that.
var (
	wires  = []string{"services", "endpointslices", "ingresses"}
	moved  = []string{"deployments", "statefulsets", "daemonsets", "cronjobs", "horizontalpodautoscalers", "poddisruptionbudgets"}
	beside = []string{"configmaps", "secrets", "serviceaccounts", "networkpolicies", "roles", "rolebindings"}
)

// excuses are the rights that no run uses in which all is well, and why they are granted nevertheless.
var excuses = []audit.Excuse{
	{Right: audit.Right{Verb: "get"}, With: "watch", Why: "while a watch is not to be believed, single objects are asked for"},
	{Right: audit.Right{Verb: "list"}, With: "watch", Why: "API servers before 1.34 do not stream a first list"},
	{
		Right: audit.Right{User: "run", Verb: "patch"}, Resources: slices.Concat(wires, moved, beside), With: "create",
		Why: "what the tool made is set right where it drifted: apply --repair",
	},
	{
		Right: audit.Right{Verb: "create", Resource: "pods/portforward"}, With: "get",
		Why: "from 1.35 on an API server wants create for the same request, as it does where WebSockets do not pass",
	},
	{Right: audit.Right{User: "run", Cluster: "old", Resource: "leases"}, Why: "the lock of a way back when new is gone: rollback --break-glass", Chance: true},
	{
		Right: audit.Right{User: "run", Cluster: "old", Verb: "patch", Resource: "cronjobs", Name: "newsletter"},
		Why:   "ends it in old, where this one is suspended from the first",
	},
	{Right: audit.Right{Cluster: "new", Verb: "get", Resource: "priorityclasses"}, Why: "looked for where a workload names one"},
	{Right: audit.Right{Cluster: "new", Verb: "get", Resource: "runtimeclasses"}, Why: "looked for where a workload names one"},
	{Right: audit.Right{Cluster: "new", Verb: "get", Resource: "storageclasses"}, Why: "looked for where a volume names one"},
	{Right: audit.Right{Cluster: "new", Verb: "get", Resource: "clusterroles"}, Why: "looked for where a RoleBinding names one"},
	{Right: audit.Right{User: "run", Cluster: "old", Verb: "list", Resource: "pods"}, Why: "looked at after a failure, wherever it was", Chance: true},
	{Right: audit.Right{User: "run", Cluster: "old", Verb: "list", Resource: "events"}, Why: "looked at after a failure, wherever it was", Chance: true},
	{Right: audit.Right{User: "plan", Verb: "list", Resource: "pods"}, Why: "asked why a workload in new is not ready"},
	{Right: audit.Right{User: "plan", Verb: "list", Resource: "events"}, Why: "asked why a workload in new is not ready"},
}

// Excuses are those of one role, for who compares its rights with calls of another sort: there it is chance whether one is needed.
func Excuses(role string) []audit.Excuse {
	var out []audit.Excuse
	for _, e := range excuses {
		if e.User == "" || e.User == role {
			e.Chance = true
			out = append(out, e)
		}
	}
	return out
}

// Rights are what the tool was given and what it used of it.
type Rights struct {
	Granted int      `json:"granted"`
	Used    int      `json:"used"`  // of those that were granted
	Wrong   []string `json:"wrong"` // used and not granted, granted and not used, denied, an excuse that nothing needs
}

// Granted asks the tool what it needs for its plan, as Admit lets it do.
func Granted(ctx context.Context, t Tool) ([]audit.Right, error) {
	var granted []audit.Right
	for _, c := range world.Clusters() {
		for _, role := range roles {
			text, err := t.roles(ctx, c, role)
			if err != nil {
				return nil, err
			}
			some, err := audit.Granted(text, c.Name, role)
			if err != nil {
				return nil, err
			}
			granted = append(granted, some...)
		}
	}
	return granted, nil
}

// Judge compares what was granted with what the audit logs of both API servers say. more are the excuses of who asks.
func Judge(w world.World, granted []audit.Right, more ...audit.Excuse) (Rights, error) {
	var uses audit.Uses
	for _, c := range world.Clusters() {
		if err := uses.Read(w.Audit(c), c.Name, identities); err != nil {
			return Rights{}, err
		}
	}
	wrong := audit.Compare(granted, uses, slices.Concat(excuses, more))
	return Rights{Granted: len(granted), Used: uses.Of(granted), Wrong: append([]string{}, wrong...)}, nil
}

// roles is what the tool prints for one identity in one cluster.
func (t Tool) roles(ctx context.Context, c world.Cluster, role string) ([]byte, error) {
	got, err := t.Run(ctx, nil, "rbac", "--plan", t.Plan, "--cluster", c.Name, "--role", role)
	if err != nil {
		return nil, err
	}
	return got.Stdout, got.Failed()
}
