package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// swapWas is what the way back of a swap or a tail needs: which of the unit's Services had been there already.
type swapWas struct {
	Moved []string `json:"moved"`
}

// leads says which Services an Ingress leads to on the other side: all that moved, and those of one unit.
type leads struct {
	mine []string        // the unit's Services behind this Ingress
	now  map[string]bool // what is so in the live Ingress
}

func (l leads) already() []string {
	out := []string{}
	for _, s := range l.mine {
		if l.now[s] {
			out = append(out, s)
		}
	}
	return out
}

func (l leads) all() bool { return len(l.mine) > 0 && len(l.already()) == len(l.mine) }

// with is what is so when the unit's Services are too; without, when only those of was are.
func (l leads) with() func(string) bool {
	return func(s string) bool { return l.now[s] || slices.Contains(l.mine, s) }
}

func (l leads) without(was swapWas) func(string) bool {
	return func(s string) bool {
		return l.now[s] && (!slices.Contains(l.mine, s) || slices.Contains(was.Moved, s))
	}
}

func (u unit) behind(frozen *networkingv1.Ingress) []string {
	var mine []string
	for _, s := range ingress.Services(frozen) {
		if slices.Contains(u.services[frozen.Namespace], s) {
			mine = append(mine, s)
		}
	}
	return mine
}

// swap leads the unit's routes of one Ingress of new to the local Services: one JSON patch that holds only if the
// Ingress is still what was seen.
func (m wave) swap(u unit, name ingress.Name, past phase.Past) phase.Step {
	object := phase.Object{Env: phase.New, Kind: "Ingress", Namespace: name.Namespace, Name: name.Name}
	touched := object
	touched.Field = "backends/" + u.name // another unit of the same Ingress does not supersede this one
	within := parts.Routes(m.Plan)
	s := phase.Step{
		ID: "swap:" + object.String() + "+" + u.name, Title: fmt.Sprintf("swap the routes of ingress %s to %s in new", name, u.name),
		Limit: within.Limit + m.ready(), Knob: within.Name,
		Touches: []phase.Object{touched},
	}
	frozen, ok := m.Inventory.Ingress(name.Namespace, name.Name)
	if !ok {
		s.Observe = func(context.Context) (phase.Observation, error) {
			return phase.Observation{}, fmt.Errorf("ingress %s is not in the inventory", name)
		}
		return s
	}
	mine := u.behind(&frozen.Object)
	s.Intent = map[string]any{"ingress": name.String(), "local": mine}
	s.Observe = func(ctx context.Context) (phase.Observation, error) { return m.swapped(ctx, u, &frozen.Object, mine) }
	m.inNew().writes(&s, &frozen.Object, mine)
	s.Reverted = func(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
		return m.unswapped(ctx, u, past, &frozen.Object, was)
	}
	return s
}

func decodeWas(was json.RawMessage) (swapWas, error) {
	var before swapWas
	if err := json.Unmarshal(was, &before); err != nil {
		return before, fmt.Errorf("read what was there before: %w", err)
	}
	return before, nil
}

func liveIngress(ctx context.Context, c *kube.Cluster, name ingress.Name) (*networkingv1.Ingress, *unstructured.Unstructured, error) {
	u, err := c.Get(ctx, kube.Ingress, name.Namespace, name.Name)
	if err != nil {
		return nil, nil, err
	}
	live, err := kube.As[networkingv1.Ingress](u)
	return live, u, err
}

func (m wave) swapped(ctx context.Context, u unit, frozen *networkingv1.Ingress, mine []string) (phase.Observation, error) {
	name := ingress.NameOf(frozen)
	live, seen, err := liveIngress(ctx, m.New, name)
	if apierrors.IsNotFound(err) {
		return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf("ingress %s is not in new: the phase routes makes it", name)}, nil
	}
	if err != nil {
		return phase.Observation{}, err
	}
	if !kube.Ours(seen, m.Plan.Metadata.Name) {
		return phase.Observation{State: phase.Failed, Detail: fmt.Sprintf("ingress %s in new is not ours: %s", name, kube.OwnerOf(seen))}, nil
	}
	now := leads{mine, ingress.Moved(frozen, live)}
	want := m.desired(frozen, now.with())
	diff := routing(live, want)
	if now.all() && diff == "" {
		return phase.Observation{State: phase.Done, Detail: "leads to " + strings.Join(mine, ", ")}, nil
	}
	was, err := json.Marshal(swapWas{now.already()})
	if err != nil {
		return phase.Observation{}, err
	}
	enough := m.fully // the unit's first swap; then clients are there already, and a pod more or less is no reason to stay half-way
	if name != u.Ingresses[0] {
		enough = m.any
	}
	if short, err := enough(ctx, u); err != nil || short != "" {
		return phase.Observation{State: phase.Settling, Detail: "waits: " + short}, err
	}
	return phase.Observation{State: phase.Pending, Detail: "leads to the proxy", Diff: diff, Was: was}, nil
}

// fully says which Service of the unit in new has fewer ready endpoints than all workloads behind it have replicas, "" if none
// does. It was so before the first swap of the group, but that may have been another job, and pods come and go.
func (m wave) fully(ctx context.Context, u unit) (string, error) {
	want := map[ingress.Name]int{}
	for _, ref := range u.Refs {
		kind, _ := kube.KindNamed(ref.Kind)
		live, err := m.New.Get(ctx, kind, ref.Namespace, ref.Name)
		if apierrors.IsNotFound(err) {
			return ref.String() + " is not in new", nil
		}
		if err != nil {
			return "", err
		}
		if state, detail := ready.Of(live); state != phase.Done {
			return ref.String() + ": " + detail, nil
		}
		for _, s := range m.Inventory.ServicesOf(ref) {
			want[ingress.Name{Namespace: ref.Namespace, Name: s}] += size(live)
		}
	}
	return m.short(ctx, want)
}

// any says which Service of the unit that has routes has no ready endpoint in new.
func (m wave) any(ctx context.Context, u unit) (string, error) {
	want := map[ingress.Name]int{}
	for _, name := range m.routed(u) {
		want[name] = 1
	}
	return m.short(ctx, want)
}

func (m wave) desired(frozen *networkingv1.Ingress, moved func(string) bool) *networkingv1.Ingress {
	return ingress.Desired(frozen, moved, m.Inventory.Target(ingress.NameOf(frozen), m.Plan.Spec.Entry.New.IngressClass))
}

// side is one of the two Ingresses of a route: new's own, that is swapped, and old's, that is tailed.
type side struct {
	cluster *kube.Cluster
	now     func(frozen, live *networkingv1.Ingress) map[string]bool                        // Services that live leads to new already
	base    func(live, frozen *networkingv1.Ingress) *networkingv1.Ingress                  // the Ingress when none is led there
	want    func(base *networkingv1.Ingress, moved func(string) bool) *networkingv1.Ingress // the Ingress when those for which moved is true are led there
}

// inNew: the Ingress is ours, and all that it says comes from the frozen one.
func (m wave) inNew() side {
	return side{m.New, ingress.Moved, func(_, frozen *networkingv1.Ingress) *networkingv1.Ingress { return frozen }, m.desired}
}

// inOld: the Ingress is old's own, of which only what leads on to new is ours to write.
func (m wave) inOld() side { return side{m.Old, tailedNow, ingress.Untailed, ingress.Tailed} }

// lead leads the unit's Services of one Ingress to new (before is nil), or back to what was before.
func (d side) lead(ctx context.Context, frozen *networkingv1.Ingress, mine []string, before *swapWas) error {
	name := ingress.NameOf(frozen)
	live, u, err := liveIngress(ctx, d.cluster, name)
	if err != nil {
		return err
	}
	now := leads{mine, d.now(frozen, live)}
	moved := now.with()
	if before != nil {
		moved = now.without(*before)
	}
	base := d.base(live, frozen)
	were := d.want(base, func(s string) bool { return now.now[s] }).Annotations
	ops, err := replaceRouting(u, live, were, d.want(base, moved))
	if err != nil || len(ops) == 0 {
		return err
	}
	return d.cluster.Patch(ctx, kube.Ingress, name.Namespace, name.Name, ops)
}

// writes fills in what changes an Ingress and what takes the change back.
func (d side) writes(s *phase.Step, frozen *networkingv1.Ingress, mine []string) {
	s.Apply = func(ctx context.Context) error { return d.lead(ctx, frozen, mine, nil) }
	s.Revert = func(ctx context.Context, was json.RawMessage) error {
		before, err := decodeWas(was)
		if err != nil {
			return err
		}
		return d.lead(ctx, frozen, mine, &before)
	}
}

// unswapped is done when the Ingress leads to the proxy again and the controller obeys: only then may what is behind
// the local Services go.
func (m wave) unswapped(ctx context.Context, u unit, past phase.Past, frozen *networkingv1.Ingress, was json.RawMessage) (phase.Observation, error) {
	before, err := decodeWas(was)
	if err != nil {
		return phase.Observation{}, err
	}
	live, _, err := liveIngress(ctx, m.New, ingress.NameOf(frozen))
	if err != nil {
		return phase.Observation{}, err
	}
	now := leads{u.behind(frozen), ingress.Moved(frozen, live)}
	for _, s := range now.already() {
		if !slices.Contains(before.Moved, s) {
			return phase.Observation{State: phase.Pending, Detail: "still leads to " + s}, nil
		}
	}
	if diff := routing(live, m.desired(frozen, now.without(before))); diff != "" {
		return phase.Observation{State: phase.Pending, Detail: "does not lead to the proxy as it should", Diff: diff}, nil
	}
	if len(u.exchange) > 0 { // old is still off; when it is on again, its own way back asks
		return phase.Observation{State: phase.Done, Detail: "leads to the proxy; nobody answers until old does"}, nil
	}
	return m.backOnBridge(ctx, u, past, frozen)
}

// routing shows in which way live differs from want in what the controller obeys; "" if in none.
func routing(live, want *networkingv1.Ingress) string {
	var out []string
	if !reflect.DeepEqual(live.Spec, want.Spec) {
		a, errA := json.Marshal(live.Spec)
		b, errB := json.Marshal(want.Spec)
		if errA != nil || errB != nil || string(a) != string(b) {
			out = append(out, "- spec "+string(a), "+ spec "+string(b))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want.Annotations)) {
		if has, ok := live.Annotations[key]; !ok || has != want.Annotations[key] {
			out = append(out, "+ annotation "+key+": "+want.Annotations[key])
		}
	}
	return strings.Join(out, "\n")
}

// replaceRouting makes the patch that turns live into want: the spec, and of the annotations those that were ours to set.
func replaceRouting(u *unstructured.Unstructured, live *networkingv1.Ingress, were map[string]string, want *networkingv1.Ingress) ([]kube.Op, error) {
	notes := maps.Clone(live.Annotations)
	if notes == nil {
		notes = map[string]string{}
	}
	for key := range were {
		delete(notes, key)
	}
	maps.Copy(notes, want.Annotations)
	spec, err := kube.From(kube.Ingress, &networkingv1.Ingress{Spec: want.Spec})
	if err != nil {
		return nil, err
	}
	var ops []kube.Op
	if routing(live, want) != "" || !maps.Equal(notes, live.Annotations) {
		ops = append(ops, kube.Op{Op: "test", Path: "/spec", Value: u.Object["spec"]}, kube.Op{Op: "replace", Path: "/spec", Value: spec.Object["spec"]})
	}
	if !maps.Equal(notes, live.Annotations) {
		ops = append(ops, kube.Op{Op: "add", Path: "/metadata/annotations", Value: notes})
	}
	return ops, nil
}
