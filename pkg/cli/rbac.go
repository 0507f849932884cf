package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

// The two identities of a plan: one that runs phases, and one that only looks.
const (
	roleRun  = "run"
	rolePlan = "plan"
)

// printRoles prints what an identity has to be allowed in one cluster. It asks no cluster.
func printRoles(_ context.Context, c *call) error {
	env, role := c.flags.Cluster, c.flags.Role
	switch {
	case env != phase.Old && env != phase.New:
		return fault.New(fault.Usage, "cutover rbac -h", "--cluster is old or new, not %q", env)
	case role != roleRun && role != rolePlan:
		return fault.New(fault.Usage, "cutover rbac -h", "--role is run or plan, not %q", role)
	}
	p, err := c.load()
	if err != nil {
		return err
	}
	rights, err := rightsOf(p, role)
	if err != nil {
		return err
	}
	text := manifests(account{
		Name: "cutover-" + p.Metadata.Name + "-" + role, Namespace: p.Spec.State.Namespace,
		Apart: apart(p, env),
		From:  fmt.Sprintf("cutover rbac --plan %s --cluster %s --role %s", p.Path, env, role),
	}, slices.DeleteFunc(rights, func(a phase.Access) bool { return a.Env != env }))
	_, err = fmt.Fprint(c.stdout, text)
	return err
}

// apart is the namespace of a cluster's relay, "" without one. It is printed with the roles, since it has to be one that holds
// nothing else and lets no pod in that could do more than a relay.
func apart(p *plan.Plan, env string) string {
	r := p.Spec.Clusters.Old.Relay
	if env == phase.New {
		r = p.Spec.Clusters.New.Relay
	}
	if r == nil {
		return ""
	}
	return r.Namespace
}

// rightsOf lists all that an identity takes in both clusters to run the phases of a plan, or only to look at them.
func rightsOf(p *plan.Plan, role string) ([]phase.Access, error) {
	if err := readable(p); err != nil {
		return nil, err
	}
	phases := phasesOf(parts.Deps{Plan: p, Inventory: &inventory.Inventory{}})
	all := append(toLook(p), toReach(p, role == roleRun)...)
	if role == roleRun {
		all = append(all, toRemember(p)...)
		all = append(all, toExplain(p)...)
	}
	for _, name := range slices.Sorted(maps.Keys(phases)) {
		for _, a := range phases[name].Access {
			if role == roleRun || looks(a) {
				all = append(all, a)
			}
		}
	}
	return all, nil
}

// readable reads the manifests that the plan names, for their mistakes: a phase asks for no rights on what it cannot read,
// and tells why only when it runs.
func readable(p *plan.Plan) error {
	paths := map[string]string{"bridge.manifests": p.Spec.Bridge.Manifests}
	if m := p.Spec.MongoDB; m != nil {
		paths["mongodb.manifests"] = m.Manifests
	}
	for _, wave := range p.Spec.Waves {
		for _, w := range wave.Workloads {
			if w.FromPath() {
				paths["source of "+w.Ref.String()] = w.Source
			}
		}
	}
	var errs []error
	for _, field := range slices.Sorted(maps.Keys(paths)) {
		if paths[field] == "" {
			continue
		}
		if _, err := parts.Manifests(paths[field]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
	}
	return fault.Wrap(fault.Usage, "", errors.Join(errs...))
}

// looks says whether an identity that only plans may do that for a phase: reading, but no Secret. What is cluster-scoped, and
// quotas, are looked for just before a phase writes, not by who plans; but which addresses a cluster uses is itself what is looked at.
func looks(a phase.Access) bool {
	inScope := a.Namespace != "" || a.Resource == kube.Node.Resource || a.Resource == kube.ServiceCIDR.Resource
	return slices.Contains([]string{"get", "list", "watch"}, a.Verb) && inScope &&
		a.Resource != kube.Secret.Resource && a.Resource != kube.ResourceQuota.Resource && !strings.Contains(a.Resource, "/")
}

// toLook is what every verb takes whatever the phase: to tell the clusters apart, to see what is in scope, and to read
// what earlier runs wrote down.
func toLook(p *plan.Plan) []phase.Access {
	var all []phase.Access
	for env, class := range map[string]string{phase.Old: p.Spec.Entry.Old.IngressClass, phase.New: p.Spec.Entry.New.IngressClass} {
		all = append(all, parts.Access(env, "", kube.Namespace, []string{"kube-system"}, "get")...)
		if class != "" {
			all = append(all, parts.Access(env, "", kube.IngressClass, []string{class}, "get")...)
		}
	}
	for _, ns := range p.Spec.Namespaces {
		for _, k := range inventory.Taken { // looked at once, so nothing is watched
			all = append(all, parts.Access(phase.Old, ns, k, nil, "list")...)
		}
	}
	return append(all, memory(p, phase.New, []string{"get", "list"}, []string{"get"}, nil)...)
}

// toRemember is what a verb that writes takes besides: journal and lock in new, and a copy of the journal in old. With it,
// and with a lock in old, a way back is possible when new is gone.
func toRemember(p *plan.Plan) []phase.Access {
	return append(
		memory(p, phase.New, []string{"create", "update"}, []string{"update"}, []string{"create"}),
		memory(p, phase.Old, []string{"get", "list", "create", "update"}, []string{"get", "update"}, []string{"create"})...,
	)
}

// memory is access to the journal and to the lock. Segments of the journal are numbered, so they have no fixed names.
func memory(p *plan.Plan, env string, journal, lock, anyLock []string) []phase.Access {
	ns := p.Spec.State.Namespace
	return slices.Concat(
		parts.Access(env, ns, kube.ConfigMap, nil, journal...),
		parts.Access(env, ns, kube.Lease, []string{"cutover-" + p.Metadata.Name}, lock...),
		parts.Access(env, ns, kube.Lease, nil, anyLock...),
	)
}
