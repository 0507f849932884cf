package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
)

// Apply makes an object what obj says. It must carry our labels (Own), and so must what is there already: anything
// else is refused with code fault.Refused and its owner's name. An absent object is created and one of ours is applied
// server-side, with force, at the resourceVersion read; when it appeared or changed in between, phase.ErrMoved.
func (c *Cluster) Apply(ctx context.Context, obj *unstructured.Unstructured) error {
	k, err := kindOf(obj)
	if err != nil {
		return err
	}
	ns, name := obj.GetNamespace(), obj.GetName()
	doing := "apply " + c.named(k, ns, name)
	plan := obj.GetLabels()[LabelPlan]
	if !Ours(obj, plan) {
		return fmt.Errorf("%s: it does not carry the labels of a plan", doing)
	}
	wanted := bare(obj)
	_, err = c.Get(ctx, k, ns, name)
	if apierrors.IsNotFound(err) {
		return c.explain(doing, c.create(ctx, k, wanted))
	}
	if err != nil {
		return c.explain(doing, err)
	}
	live, err := c.read(ctx, k, ns, name)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%s: it vanished: %w", doing, phase.ErrMoved)
	}
	if err != nil {
		return c.explain(doing, err)
	}
	if !Ours(live, plan) {
		return fmt.Errorf("%s: %w", doing, c.foreign(k, live))
	}
	return c.explain(doing, c.apply(ctx, k, wanted, live))
}

// foreign is the refusal to touch what is not ours.
func (c *Cluster) foreign(k Kind, live *unstructured.Unstructured) error {
	owner := OwnerOf(live)
	if owner == "" {
		owner = "somebody unknown"
	}
	return fault.New(fault.Refused, "remove it, or take it out of the plan; cutover never overwrites what it did not make",
		"%s exists and is not ours, it belongs to %s", c.named(k, live.GetNamespace(), live.GetName()), owner)
}

func (c *Cluster) create(ctx context.Context, k Kind, wanted *unstructured.Unstructured) error {
	var made *unstructured.Unstructured
	err := c.put(ctx, writing, func(ctx context.Context) (err error) {
		made, err = c.dynamic.Resource(k.GVR()).Namespace(wanted.GetNamespace()).Create(tersely(ctx), wanted, metav1.CreateOptions{FieldManager: Manager})
		return err
	})
	if apierrors.IsAlreadyExists(err) || errors.As(err, new(lost)) {
		return c.after(ctx, k, wanted, err)
	}
	if err != nil {
		return err
	}
	return c.seen(ctx, k, made)
}

// apply brings one of ours to what is wanted.
func (c *Cluster) apply(ctx context.Context, k Kind, wanted, live *unstructured.Unstructured) error {
	live, err := c.withoutStrangers(ctx, k, wanted, live)
	if err != nil {
		return err
	}
	if live, err = c.handedOver(ctx, k, live); err != nil {
		return err
	}
	at := wanted.DeepCopy()
	at.SetResourceVersion(live.GetResourceVersion())
	var made *unstructured.Unstructured
	err = c.put(ctx, writing, func(ctx context.Context) (err error) {
		made, err = c.dynamic.Resource(k.GVR()).Namespace(at.GetNamespace()).Apply(tersely(ctx), at.GetName(), at, metav1.ApplyOptions{FieldManager: Manager, Force: true})
		return err
	})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) || errors.As(err, new(lost)) {
		return c.after(ctx, k, wanted, err)
	}
	if err != nil {
		return err
	}
	return c.seen(ctx, k, made)
}

// handedOver prepares managedFields: what we created or patched stands there as "Update", and a server-side apply would
// not remove what is no longer wanted of it, so it is made over to "Apply" first. No field of the object changes.
func (c *Cluster) handedOver(ctx context.Context, k Kind, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New(Manager), Manager)
	if err != nil || patch == nil {
		return live, err
	}
	var made *unstructured.Unstructured
	err = c.put(ctx, writing, func(ctx context.Context) (err error) {
		made, err = c.dynamic.Resource(k.GVR()).Namespace(live.GetNamespace()).Patch(ctx, live.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: Relabels})
		return err
	})
	switch {
	case errors.As(err, new(lost)):
		now, readErr := c.read(ctx, k, live.GetNamespace(), live.GetName())
		if readErr != nil || len(Differences(live, now))+len(Differences(now, live)) > 0 {
			return nil, fmt.Errorf("hand the fields over to server-side apply: %w", err)
		}
		if patch, err = csaupgrade.UpgradeManagedFieldsPatch(now, sets.New(Manager), Manager); err == nil && patch != nil {
			err = phase.ErrMoved // it was not written after all, nor is anything else
		}
		return now, err
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return nil, fmt.Errorf("%w (%w)", phase.ErrMoved, err)
	}
	return made, err
}

// after decides about a write that was refused because something changed, or whose answer was lost.
func (c *Cluster) after(ctx context.Context, k Kind, wanted *unstructured.Unstructured, cause error) error {
	if !errors.As(cause, new(lost)) {
		return fmt.Errorf("%w (%w)", phase.ErrMoved, cause)
	}
	live, err := c.read(ctx, k, wanted.GetNamespace(), wanted.GetName())
	if err != nil || len(differences(wanted, live)) > 0 {
		return fmt.Errorf("it is not clear whether it was written: %w", cause)
	}
	return c.seen(ctx, k, live)
}

// Op is one operation of a JSON patch (RFC 6902).
type Op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// MarshalJSON writes the value even when it is empty: "replace with 0" needs it.
func (o Op) MarshalJSON() ([]byte, error) {
	out := map[string]any{"op": o.Op, "path": o.Path}
	if o.Op != "remove" {
		out["value"] = o.Value
	}
	return json.Marshal(out)
}

// Patch changes one object in one atomic step. A `test` operation that does not hold, or an object that is gone, is
// phase.ErrMoved. Without any `test` the patch is not sent again after an answer was lost.
func (c *Cluster) Patch(ctx context.Context, k Kind, ns, name string, ops []Op) error {
	doing := "patch " + c.named(k, ns, name)
	body, err := json.Marshal(ops)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	how := blindly
	if tested(ops) {
		how = writing
	}
	var made *unstructured.Unstructured
	err = c.put(ctx, how, func(ctx context.Context) (err error) {
		made, err = c.dynamic.Resource(k.GVR()).Namespace(ns).Patch(tersely(ctx), name, types.JSONPatchType, body, metav1.PatchOptions{FieldManager: Manager})
		return err
	})
	if err != nil {
		return c.explain(doing, c.unpatched(ctx, k, ns, name, ops, err))
	}
	return c.explain(doing, c.seen(ctx, k, made))
}

// unpatched finds out why a patch was not accepted, and whether it was written nevertheless.
func (c *Cluster) unpatched(ctx context.Context, k Kind, ns, name string, ops []Op, cause error) error {
	if errors.As(cause, new(lost)) {
		live, err := c.read(ctx, k, ns, name)
		if err == nil && patched(live.Object, ops) {
			return c.seen(ctx, k, live)
		}
		return fmt.Errorf("it is not clear whether it was written: %w", cause)
	}
	if apierrors.IsConflict(cause) || apierrors.IsNotFound(cause) {
		return fmt.Errorf("%w (%w)", phase.ErrMoved, cause)
	}
	if apierrors.IsInvalid(cause) && tested(ops) {
		if live, err := c.read(ctx, k, ns, name); err == nil && !holds(live.Object, ops) {
			return fmt.Errorf("%w (%w)", phase.ErrMoved, cause)
		}
	}
	return cause
}
