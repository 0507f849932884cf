package migrate

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

var suspendPath = []string{"spec", "suspend"}

func suspendFact(ref plan.Ref) string { return "migrate.suspended/" + ref.String() }

func suspended(u *unstructured.Unstructured) bool {
	s, _, _ := unstructured.NestedBool(u.Object, suspendPath...)
	return s
}

// suspend stops a CronJob in old and waits for the jobs that run.
func (m wave) suspend(ref plan.Ref) phase.Step {
	s := m.switched(m.Old, ref, "suspend %s in %s", func(context.Context) (bool, error) { return true, nil })
	judge := s.Observe
	s.Observe = func(ctx context.Context) (phase.Observation, error) {
		o, err := judge(ctx)
		if err != nil {
			return o, err
		}
		u, err := m.Old.Get(ctx, kube.CronJob, ref.Namespace, ref.Name)
		if err != nil {
			return o, err
		}
		if o.State == phase.Pending {
			o.Facts = map[string]any{suspendFact(ref): suspended(u)}
		}
		if active, _, _ := unstructured.NestedSlice(u.Object, "status", "active"); o.State == phase.Done && len(active) > 0 {
			return phase.Observation{State: phase.Settling, Detail: fmt.Sprintf("%d of its jobs still run", len(active))}, nil
		}
		return o, nil
	}
	return s
}

// resume lets the CronJob run in new as it ran in old: one that was suspended there stays suspended.
func (m wave) resume(ref plan.Ref, past phase.Past) phase.Step {
	return m.switched(m.New, ref, "give %s in %s the state that it had in old", func(context.Context) (bool, error) {
		was := false
		ok, err := past.Fact(suspendFact(ref), &was)
		if err == nil && !ok { // found suspended: nothing was begun in old, so nothing ran there
			w, known := m.Inventory.Workload(ref)
			was = !known || w.Suspended
		}
		return was, err
	})
}

// switched sets spec.suspend.
func (m wave) switched(c *kube.Cluster, ref plan.Ref, title string, want func(context.Context) (bool, error)) phase.Step {
	live := func(ctx context.Context) (*unstructured.Unstructured, error) {
		return c.Get(ctx, kube.CronJob, ref.Namespace, ref.Name)
	}
	write := func(ctx context.Context, value bool) error {
		return set(ctx, c, kube.CronJob, ref, suspendPath, "/spec/suspend", value)
	}
	return phase.Step{
		ID: "suspend:" + c.Env() + "/" + ref.String(), Title: fmt.Sprintf(title, ref, c.Env()), Limit: m.ready(), Knob: "windows.ready",
		Intent:  map[string]any{"suspend": ref.String(), "in": c.Env()},
		Touches: []phase.Object{{Env: c.Env(), Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name, Field: "suspend"}},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			u, err := live(ctx)
			if apierrors.IsNotFound(err) && c.Env() == phase.New {
				return phase.Observation{State: phase.Settling, Detail: "waits: it is not in new yet"}, nil
			}
			if err != nil {
				return phase.Observation{}, err
			}
			v, err := want(ctx)
			if err != nil {
				return phase.Observation{}, err
			}
			if suspended(u) == v {
				return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("suspended: %t", v)}, nil
			}
			was, err := json.Marshal(suspended(u))
			return phase.Observation{State: phase.Pending, Detail: fmt.Sprintf("suspended: %t", suspended(u)), Was: was, Diff: fmt.Sprintf("- suspend: %t\n+ suspend: %t\n", suspended(u), v)}, err
		},
		Apply: func(ctx context.Context) error {
			v, err := want(ctx)
			if err != nil {
				return err
			}
			return write(ctx, v)
		},
		Revert: func(ctx context.Context, was json.RawMessage) error {
			var before bool
			if err := json.Unmarshal(was, &before); err != nil {
				return err
			}
			return write(ctx, before)
		},
		Reverted: func(ctx context.Context, was json.RawMessage) (phase.Observation, error) {
			var before bool
			if err := json.Unmarshal(was, &before); err != nil {
				return phase.Observation{}, err
			}
			u, err := live(ctx)
			if err != nil {
				return phase.Observation{}, err
			}
			if suspended(u) == before {
				return phase.Observation{State: phase.Done, Detail: "as before"}, nil
			}
			return phase.Observation{State: phase.Pending, Detail: fmt.Sprintf("suspended: %t", suspended(u))}, nil
		},
	}
}
