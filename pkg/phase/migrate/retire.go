package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// retiredSelector is the node selector that keeps a DaemonSet, which has no replicas, off every node.
const retiredSelector = "cutover.dev/retired"

var selectorPath = []string{"spec", "template", "spec", "nodeSelector"}

// retired is a DaemonSet's node selector with ours beside what it has.
func retired(u *unstructured.Unstructured) map[string]any {
	selector, _, _ := unstructured.NestedMap(u.Object, selectorPath...)
	if selector == nil {
		selector = map[string]any{}
	}
	selector[retiredSelector] = "true"
	return selector
}

// unretire takes our selector off the copy of a DaemonSet: the one in new is to run when old's does not any more.
func unretire(u *unstructured.Unstructured) {
	unstructured.RemoveNestedField(u.Object, append(slices.Clone(selectorPath), retiredSelector)...)
	if selector, found, _ := unstructured.NestedMap(u.Object, selectorPath...); found && len(selector) == 0 {
		unstructured.RemoveNestedField(u.Object, selectorPath...)
	}
}

// retire ends the workload in old. An exclusive one starts in new only after that, with the gap in between.
func (m wave) retire(ref plan.Ref, past phase.Past) []phase.Step {
	w := m.workload(ref)
	if ref.Kind == kube.CronJob.Kind {
		return []phase.Step{m.suspend(ref), m.resume(ref, past)}
	}
	off := m.size(m.Old, ref, "scale %s in %s to 0", func(context.Context) (int64, error) { return 0, nil })
	if !inventory.Exclusive(w) {
		return []phase.Step{off}
	}
	return []phase.Step{off, m.size(m.New, ref, "scale %s in %s up", func(ctx context.Context) (int64, error) {
		var n int64
		if ok, err := past.Fact(sizeFact(ref), &n); err != nil || !ok {
			return 0, fmt.Errorf("how many replicas of %s ran in old is not in the journal: %w", ref, err)
		}
		return n, nil
	})}
}

func sizeFact(ref plan.Ref) string { return "migrate.replicas/" + ref.String() }

// field is what is switched: where it is in the object, what it is now, and what it was.
type field struct {
	Value any `json:"value"`
}

// sizePath is where a kind says how many replicas it wants.
func sizePath(kind string) (path []string, pointer string) {
	if kind == kube.DaemonSet.Kind {
		return selectorPath, "/spec/template/spec/nodeSelector"
	}
	return []string{"spec", "replicas"}, "/spec/replicas"
}

// size sets how many replicas a workload wants. On the way back it is done when it is as it was and ready.
func (m wave) size(c *kube.Cluster, ref plan.Ref, title string, want func(context.Context) (int64, error)) phase.Step {
	kind, _ := kube.KindNamed(ref.Kind)
	path, pointer := sizePath(ref.Kind)
	object := phase.Object{Env: c.Env(), Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name, Field: "replicas"}
	value := func(ctx context.Context) (u *unstructured.Unstructured, v any, err error) {
		if u, err = c.Get(ctx, kind, ref.Namespace, ref.Name); err != nil {
			return nil, nil, err
		}
		if ref.Kind == kube.DaemonSet.Kind {
			return u, retired(u), nil
		}
		v, err = want(ctx)
		return u, v, err
	}
	return phase.Step{
		ID: "scale:" + c.Env() + "/" + ref.String(), Title: fmt.Sprintf(title, ref, c.Env()), Limit: m.ready(), Knob: "windows.ready",
		Intent: map[string]any{"scale": ref.String(), "in": c.Env()}, Touches: []phase.Object{object},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			u, v, err := value(ctx)
			if err != nil {
				return phase.Observation{}, err
			}
			return sized(u, ref, path, v)
		},
		Apply: func(ctx context.Context) error {
			_, v, err := value(ctx)
			if err != nil {
				return err
			}
			return set(ctx, c, kind, ref, path, pointer, v)
		},
		Revert: func(ctx context.Context, was json.RawMessage) error {
			var before field
			if err := json.Unmarshal(was, &before); err != nil {
				return err
			}
			return set(ctx, c, kind, ref, path, pointer, before.Value)
		},
		Reverted: func(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
			u, err := c.Get(ctx, kind, ref.Namespace, ref.Name)
			if err != nil {
				return phase.Observation{}, err
			}
			return m.upAgain(ctx, c, u, ref, path, was)
		},
	}
}

func sized(u *unstructured.Unstructured, ref plan.Ref, path []string, want any) (phase.Observation, error) {
	now, found, err := unstructured.NestedFieldCopy(u.Object, path...)
	if err != nil {
		return phase.Observation{}, err
	}
	if !found || fmt.Sprint(now) != fmt.Sprint(want) {
		was, err := json.Marshal(field{now})
		o := phase.Observation{State: phase.Pending, Detail: fmt.Sprintf("wants %v", now), Diff: fmt.Sprintf("- %v\n+ %v\n", now, want), Was: was}
		if n, ok := now.(int64); ok && n > 0 {
			o.Facts = map[string]any{sizeFact(ref): n}
		}
		return o, err
	}
	if left := running(u); left > 0 && fmt.Sprint(want) != fmt.Sprint(left) {
		return phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("%d pods are still there", left)}, nil
	}
	state, detail := ready.Of(u)
	return phase.Observation{State: state, Detail: detail}, nil
}

func running(u *unstructured.Unstructured) int64 {
	for _, path := range [][]string{{"status", "replicas"}, {"status", "currentNumberScheduled"}} {
		if n, found, _ := unstructured.NestedInt64(u.Object, path...); found {
			return n
		}
	}
	return 0
}

// upAgain: as it was and ready. Where an autoscaler rules, any size but 0 is its own business.
func (m wave) upAgain(ctx context.Context, c *kube.Cluster, u *unstructured.Unstructured, ref plan.Ref, path []string, was json.RawMessage) (phase.Observation, error) {
	var before field
	if err := json.Unmarshal(was, &before); err != nil {
		return phase.Observation{}, fmt.Errorf("read what was there before: %w", err)
	}
	now, _, err := unstructured.NestedFieldCopy(u.Object, path...)
	if err != nil {
		return phase.Observation{}, err
	}
	same := fmt.Sprint(now) == jsonText(before.Value)
	if w, ok := m.Inventory.Workload(ref); ok && w.Scaler != "" && jsonText(before.Value) != "0" && fmt.Sprint(now) != "0" {
		same = true
	}
	if !same {
		return phase.Observation{State: phase.Pending, Detail: fmt.Sprintf("wants %v, was %v", now, before.Value)}, nil
	}
	state, detail := ready.Of(u)
	if state != phase.Done {
		return phase.Observation{State: state, Detail: detail}, nil
	}
	return m.takesTraffic(ctx, c, ref, jsonText(before.Value) == "0")
}

// takesTraffic: each Service of the workload has a ready endpoint in old again.
func (m wave) takesTraffic(ctx context.Context, c *kube.Cluster, ref plan.Ref, empty bool) (phase.Observation, error) {
	for _, s := range m.Inventory.ServicesOf(ref) {
		n, err := endpoints(ctx, c, ref.Namespace, s)
		if err != nil {
			return phase.Observation{}, err
		}
		if n == 0 && !empty && c.Env() == phase.Old {
			return phase.Observation{State: phase.Settling, Detail: "service " + s + " has no ready endpoint yet"}, nil
		}
	}
	return phase.Observation{State: phase.Done, Detail: "as before, and ready"}, nil
}

// jsonText is a number of the journal as a number of an object prints: whole ones without a fraction.
func jsonText(v any) string {
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		return fmt.Sprint(int64(f))
	}
	return fmt.Sprint(v)
}

// set writes one field as a compare-and-set. A nil value takes the field away.
func set(ctx context.Context, c *kube.Cluster, kind kube.Kind, ref plan.Ref, path []string, pointer string, value any) error {
	u, err := c.Get(ctx, kind, ref.Namespace, ref.Name)
	if err != nil {
		return err
	}
	now, found, err := unstructured.NestedFieldCopy(u.Object, path...)
	if err != nil {
		return err
	}
	ops := []kube.Op{{Op: "test", Path: "/metadata/uid", Value: string(u.GetUID())}}
	if found {
		ops = append(ops, kube.Op{Op: "test", Path: pointer, Value: now})
	}
	switch {
	case value == nil && !found:
		return nil
	case value == nil:
		ops = append(ops, kube.Op{Op: "remove", Path: pointer})
	default:
		ops = append(ops, kube.Op{Op: "add", Path: pointer, Value: value})
	}
	return c.Patch(ctx, kind, ref.Namespace, ref.Name, ops)
}
