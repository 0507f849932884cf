package cleanup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

// OwnPrefix begins the ID of every step that deletes an object of old's own. Once one of them was begun, old is no longer
// what the phases before this one stand on.
const OwnPrefix = "delete-own:old/"

const notOurs = "it is old's own, and cutover keeps no copy of it"

// Expected says whether a difference from the frozen inventory is what the plan asks this phase for.
func Expected(p *plan.Plan, c inventory.Change) bool {
	what, ref, _ := strings.Cut(c.Object, " ")
	kind := map[string]string{"ingress": kube.Ingress.Kind, "service": kube.Service.Kind}[what]
	if parts := strings.Split(ref, "/"); what == "workload" && len(parts) == 3 {
		kind = parts[1]
	}
	return c.What == inventory.Vanished && p.Spec.Deletes(kind)
}

// own is one object of old's own that the plan wants deleted.
type own struct {
	d    Deps
	kind kube.Kind
	ref  plan.Ref
}

// owns lists them in the order in which they go: what leads to others goes before them. Only what has moved is among
// them: the Ingresses of the inventory, the workloads, and what is in front of, scales or is named by a workload.
func owns(d Deps) []own {
	var all []own
	for _, name := range plan.Deletable {
		kind, known := kube.KindNamed(name)
		if !known || !d.Plan.Spec.Deletes(name) {
			continue
		}
		refs := moved(d.Inventory, kind)
		slices.SortFunc(refs, func(a, b plan.Ref) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
		for _, ref := range slices.Compact(refs) {
			all = append(all, own{d, kind, ref})
		}
	}
	return all
}

// moved names the objects of a kind that went to new, some of them more than once.
func moved(inv *inventory.Inventory, kind kube.Kind) (refs []plan.Ref) {
	add := func(ns, name string) { refs = append(refs, plan.Ref{Namespace: ns, Kind: kind.Kind, Name: name}) }
	for i := range inv.Ingresses {
		ing := &inv.Ingresses[i].Object
		if kind == kube.Ingress {
			add(ing.Namespace, ing.Name)
		}
		for _, tls := range ing.Spec.TLS {
			if kind == kube.Secret && tls.SecretName != "" {
				add(ing.Namespace, tls.SecretName)
			}
		}
	}
	for _, s := range inv.Services {
		if kind == kube.Service && len(inv.WorkloadsOf(s.Name)) > 0 {
			add(s.Name.Namespace, s.Name.Name)
		}
	}
	for _, w := range inv.Workloads {
		if w.Ref.Kind == kind.Kind {
			add(w.Ref.Namespace, w.Ref.Name)
		}
		for _, named := range append([]string{w.Scaler}, w.Needs...) {
			if name, ok := strings.CutPrefix(named, kind.Kind+"/"); ok {
				add(w.Ref.Namespace, name)
			}
		}
		for _, name := range w.Budgets {
			if kind == kube.PDB {
				add(w.Ref.Namespace, name)
			}
		}
	}
	return refs
}

// ownGroups is one group a kind. With old's Ingresses goes what they led late clients to.
func ownGroups(d Deps, past phase.Past, gate []phase.Step) []phase.Group {
	var groups []phase.Group
	for _, o := range owns(d) {
		name := "old's own " + o.kind.Resource
		if len(groups) == 0 || groups[len(groups)-1].Name != name {
			g := phase.Group{Name: name, Before: gate, Limit: atOnce}
			if o.kind == kube.Ingress {
				g.Before = append(slices.Clone(gate), unvisited(d, past))
			}
			groups = append(groups, g)
		}
		g := &groups[len(groups)-1]
		g.Lanes = append(g.Lanes, phase.Lane{o.step()})
	}
	if tail, ok := parts.Tail(d.Plan); ok && d.Plan.Spec.Deletes(kube.Ingress.Kind) && len(groups) > 0 {
		groups = slices.Insert(groups, 1, phase.Group{Name: "tail", Limit: atOnce, Lanes: append(keeps(d), backends(d, d.Old, tail)...)})
	}
	return groups
}

// backends removes one end of a wire between the clusters from every namespace.
func backends(d Deps, c *kube.Cluster, b parts.Backend) []phase.Lane {
	var lanes []phase.Lane
	within := parts.Ready(d.Plan)
	for _, ns := range d.Plan.Spec.Namespaces {
		var lane phase.Lane
		for _, name := range b.SliceNames() {
			lane = append(lane, d.Delete(c, kube.EndpointSlice, ns, name, within, noBridge))
		}
		lanes = append(lanes, append(lane, d.Delete(c, kube.Service, ns, b.Service, within, noBridge)))
	}
	return lanes
}

// deletable is the gate that names every object that cannot go, before the first one does.
func deletable(d Deps) phase.Step {
	return phase.Step{
		ID: "prove:deletable", Title: "see that all of old's own objects that are to go are as they were frozen, and nobody's",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			var stay []string
			all := owns(d)
			for _, o := range all {
				seen, err := o.observe(ctx)
				if err != nil {
					return phase.Observation{}, err
				}
				if seen.State == phase.Failed {
					stay = append(stay, o.ref.String()+": "+seen.Detail)
				}
			}
			if len(stay) > 0 {
				return phase.Observation{State: phase.Failed, Detail: strings.Join(stay, "; ") +
					"; put that right, or take the kind out of spec.cleanup.delete"}, nil
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d objects", len(all))}, nil
		},
	}
}

// ownAccess is what it takes to delete whole kinds: which objects those are is in no role.
func ownAccess(d Deps) (all []phase.Access) {
	for _, ns := range d.Plan.Spec.Namespaces {
		for _, name := range plan.Deletable {
			k, known := kube.KindNamed(name)
			if !known || !d.Plan.Spec.Deletes(name) {
				continue
			}
			all = append(all, parts.Remove(phase.Old, ns, k)...)
			all = append(all, parts.See(phase.New, ns, k)...)
			if tail, ok := parts.Tail(d.Plan); ok && k == kube.Ingress {
				all = append(all, parts.Remove(phase.Old, ns, kube.Service, tail.Service)...)
				all = append(all, parts.Remove(phase.Old, ns, kube.EndpointSlice, tail.SliceNames()...)...)
			}
			if k == kube.Service || k == kube.Secret { // no Ingress that stays may need them
				all = append(all, parts.See(phase.Old, ns, kube.Ingress)...)
			}
		}
	}
	return all
}

func (o own) step() phase.Step {
	within := parts.Ready(o.d.Plan)
	thing := phase.Object{Env: phase.Old, Kind: o.ref.Kind, Namespace: o.ref.Namespace, Name: o.ref.Name}
	return phase.Step{
		ID: OwnPrefix + o.ref.String(), Title: "delete old's own " + o.ref.Kind + " " + o.ref.Namespace + "/" + o.ref.Name,
		Limit: within.Limit, Knob: within.Name, Final: notOurs, Touches: []phase.Object{thing},
		Intent:  map[string]any{"delete": thing.String(), "seal": o.d.Inventory.SealOf(o.ref)},
		Observe: o.observe,
		Apply: func(ctx context.Context) error {
			live, err := o.live(ctx)
			if err != nil || live == nil {
				return err
			}
			if seen, err := o.judge(ctx, live); err != nil || seen.State != phase.Pending {
				return cmp.Or(err, error(phase.ErrMoved))
			}
			return o.d.Old.DeleteUnchanged(ctx, o.kind, live)
		},
	}
}

func (o own) observe(ctx context.Context) (phase.Observation, error) {
	live, err := o.live(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	if seen, going := parts.Going(live); going {
		return seen, nil
	}
	return o.judge(ctx, live)
}

// live is the object in old, a Secret with its data; nil if it is gone.
func (o own) live(ctx context.Context) (*unstructured.Unstructured, error) {
	return whole(ctx, o.d.Old, o.kind, o.ref.Namespace, o.ref.Name)
}
