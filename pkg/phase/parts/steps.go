package parts

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
)

// Apply makes the step that an object of a phase is: want is asked for whenever it is looked at.
func (d Deps) Apply(c *kube.Cluster, k kube.Kind, ns, name string, within Knob,
	want func(context.Context) (*unstructured.Unstructured, error),
) kube.Object {
	return kube.Object{
		Cluster: c, Plan: d.Name(), Kind: k, Namespace: ns, Name: name, Want: want,
		Ready: Judge, Limit: within.Limit, Knob: within.Name, Masked: k == kube.Secret,
	}
}

// Judge is kube/ready as the Ready of an object.
func Judge(_ context.Context, live *unstructured.Unstructured) (phase.Observation, error) {
	state, detail := ready.Of(live)
	return phase.Observation{State: state, Detail: detail}, nil
}

// Fixed is a Want that needs to ask nobody.
func Fixed(u *unstructured.Unstructured, err error) func(context.Context) (*unstructured.Unstructured, error) {
	return func(context.Context) (*unstructured.Unstructured, error) { return u, err }
}

// Live returns an object from the view, nil if there is none.
func Live(ctx context.Context, c *kube.Cluster, k kube.Kind, ns, name string) (*unstructured.Unstructured, error) {
	u, err := c.Get(ctx, k, ns, name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return u, err
}

// Going is what is seen of an object that is to be deleted and is gone (nil) or on its way; false: it is still there.
func Going(live *unstructured.Unstructured) (phase.Observation, bool) {
	switch {
	case live == nil:
		return phase.Observation{State: phase.Done, Detail: "gone"}, true
	case live.GetDeletionTimestamp() != nil:
		return phase.Observation{State: phase.Settling, Detail: "is being deleted"}, true
	}
	return phase.Observation{}, false
}

// Delete makes the step that removes an object of this plan. final says why there is no way back. What somebody else
// made is never removed.
func (d Deps) Delete(c *kube.Cluster, k kube.Kind, ns, name string, within Knob, final string) phase.Step {
	thing := phase.Object{Env: c.Env(), Kind: k.Kind, Namespace: ns, Name: name}
	return phase.Step{
		ID: "delete:" + thing.String(), Title: "delete " + k.Kind + " " + ns + "/" + name + " in " + c.Env(),
		Limit: within.Limit, Knob: within.Name, Final: final, Touches: []phase.Object{thing},
		Intent: map[string]any{"delete": thing.String()},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			live, err := Live(ctx, c, k, ns, name)
			if err != nil {
				return phase.Observation{}, err
			}
			if o, going := Going(live); going {
				return o, nil
			}
			if !kube.Ours(live, d.Name()) {
				return phase.Observation{State: phase.Failed, Detail: "it is not of this plan and stays; it belongs to " + kube.OwnerOf(live)}, nil
			}
			return phase.Observation{State: phase.Pending, Detail: "there", Diff: "- " + thing.String() + "\n"}, nil
		},
		Apply: func(ctx context.Context) error {
			live, err := Live(ctx, c, k, ns, name)
			if err != nil || live == nil {
				return err
			}
			if !kube.Ours(live, d.Name()) {
				return phase.ErrMoved
			}
			return c.Delete(ctx, k, ns, name, live.GetUID())
		},
	}
}
