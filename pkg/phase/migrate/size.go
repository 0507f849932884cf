package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// field is what was there before it was switched.
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
			switch {
			case errors.Is(err, errUnknownSize):
				return phase.Observation{State: phase.Settling, Detail: "waits: " + err.Error()}, nil
			case apierrors.IsNotFound(err) && c.Env() == phase.New:
				return phase.Observation{State: phase.Settling, Detail: "waits: it is not in new yet"}, nil
			case err != nil:
				return phase.Observation{}, err
			}
			o, err := sized(u, path, v, m.scaled(ref))
			if n, ok := v.(int64); err == nil && o.State == phase.Done && ok && n == 0 && inventory.Exclusive(m.workload(ref)) {
				return ended(ctx, c, u)
			}
			if n, _, _ := unstructured.NestedInt64(u.Object, path...); n > 0 && c.Env() == phase.Old {
				o.Facts = map[string]any{sizeFact(ref): n}
			}
			return o, err
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

// scaled says whether an autoscaler rules how many replicas a workload has: any number but 0 is its own business then.
func (m wave) scaled(ref plan.Ref) bool {
	w, known := m.Inventory.Workload(ref)
	return known && w.Scaler != ""
}

func sized(u *unstructured.Unstructured, path []string, want any, scaled bool) (phase.Observation, error) {
	now, found, err := unstructured.NestedFieldCopy(u.Object, path...)
	if err != nil {
		return phase.Observation{}, err
	}
	free := found && scaled && fmt.Sprint(now) != "0" && fmt.Sprint(want) != "0"
	if !free && (!found || fmt.Sprint(now) != fmt.Sprint(want)) {
		was, err := json.Marshal(field{now})
		return phase.Observation{State: phase.Pending, Detail: fmt.Sprintf("wants %v", now), Diff: fmt.Sprintf("- %v\n+ %v\n", now, want), Was: was}, err
	}
	if left := running(u); left > 0 && !free && fmt.Sprint(want) != fmt.Sprint(left) {
		return phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("%d pods are still there", left)}, nil
	}
	if u.GetKind() == kube.DaemonSet.Kind {
		return offEveryNode(u)
	}
	state, detail := ready.Of(u)
	return phase.Observation{State: state, Detail: detail}, nil
}

// ended wants no pod of a workload that never runs twice to be left: what its status counts leaves out those that are
// ending, and they may still work for as long as their grace period.
func ended(ctx context.Context, c *kube.Cluster, u *unstructured.Unstructured) (phase.Observation, error) {
	typed, err := kube.As[struct {
		Spec struct {
			Selector *metav1.LabelSelector `json:"selector"`
		} `json:"spec"`
	}](u)
	if err != nil {
		return phase.Observation{}, err
	}
	selector, err := metav1.LabelSelectorAsSelector(typed.Spec.Selector)
	if err != nil {
		return phase.Observation{}, fmt.Errorf("read the selector of %s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	pods, err := c.Find(ctx, kube.Pod, u.GetNamespace(), selector.String())
	if err != nil {
		return phase.Observation{}, err
	}
	left := slices.DeleteFunc(pods, func(p *unstructured.Unstructured) bool {
		now, _, _ := unstructured.NestedString(p.Object, "status", "phase")
		return now == "Succeeded" || now == "Failed"
	})
	if len(left) > 0 {
		return phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("%d pods have not ended yet", len(left))}, nil
	}
	return phase.Observation{State: phase.Done, Detail: "no pod is left"}, nil
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
	if m.scaled(ref) && jsonText(before.Value) != "0" && fmt.Sprint(now) != "0" {
		same = true
	}
	if !same {
		return phase.Observation{State: phase.Pending, Detail: fmt.Sprintf("wants %v, was %v", now, before.Value)}, nil
	}
	state, detail := ready.Of(u)
	if state != phase.Done {
		return phase.Observation{State: state, Detail: detail}, nil
	}
	if jsonText(before.Value) == "0" && inventory.Exclusive(m.workload(ref)) { // before old comes on again
		return ended(ctx, c, u)
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
