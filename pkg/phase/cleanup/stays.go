package cleanup

import (
	"context"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// along are the kinds that went along with a workload, if they went at all. All others have to be in new, and well.
var along = []kube.Kind{kube.HPA, kube.PDB, kube.ConfigMap, kube.Secret, kube.ServiceAccount}

// judge says what is to become of an object that is there: Pending is to be deleted, Failed must not be, and Done stays
// because it never moved.
func (o own) judge(ctx context.Context, live *unstructured.Unstructured) (phase.Observation, error) {
	inNew, err := whole(ctx, o.d.New, o.kind, o.ref.Namespace, o.ref.Name)
	if err != nil {
		return phase.Observation{}, err
	}
	if inNew == nil && slices.Contains(along, o.kind) {
		return phase.Observation{State: phase.Done, Detail: "stays: it is not in new, so it did not move"}, nil
	}
	for _, ask := range []func() (string, error){
		func() (string, error) { return holder(live), nil },
		func() (string, error) { return unserved(inNew), nil },
		func() (string, error) { return o.changed(live, inNew) },
		func() (string, error) { return running(live), nil },
		func() (string, error) { return o.needed(ctx) },
	} {
		why, err := ask()
		if err != nil {
			return phase.Observation{}, err
		}
		if why != "" {
			return phase.Observation{State: phase.Failed, Detail: "it stays: " + why}, nil
		}
	}
	seen := phase.Observation{State: phase.Pending, Detail: "there, as it was frozen", Diff: "- old/" + o.ref.String() + "\n"}
	if o.kind == kube.Ingress {
		seen.Facts = map[string]any{goingFact: true}
	}
	return seen, nil
}

// unserved says why new cannot do without the object of old, "" if it can.
func unserved(inNew *unstructured.Unstructured) string {
	if inNew == nil {
		return "there is none of that name in new"
	}
	if state, detail := ready.Of(inNew); state != phase.Done {
		return "the one in new is not well: " + detail
	}
	return ""
}

// holder says who would miss an object or make it again, "" if nobody is known to.
func holder(u *unstructured.Unstructured) string {
	if who := owner(u); who != "" {
		return "it belongs to " + who + "; delete it there"
	}
	return ""
}

func owner(u *unstructured.Unstructured) string {
	labels, notes := u.GetLabels(), u.GetAnnotations()
	if who, ok := kube.Reverter(u); ok {
		return who
	}
	switch owners := u.GetOwnerReferences(); {
	case len(owners) > 0:
		return owners[0].Kind + "/" + owners[0].Name + " (ownerReference)"
	case labels[kube.LabelManaged] == kube.Manager, notes["meta.helm.sh/release-name"] != "":
		return kube.OwnerOf(u)
	case labels[kube.LabelManaged] == "Helm":
		return "Helm (label " + kube.LabelManaged + ")"
	case notes["cert-manager.io/certificate-name"] != "":
		return "cert-manager's Certificate " + notes["cert-manager.io/certificate-name"]
	}
	return ""
}

// changed says why an object is not what was frozen. Secrets and ServiceAccounts are in no inventory: those have to say
// what their copies in new do, so that nothing is lost that is in old only.
func (o own) changed(live, inNew *unstructured.Unstructured) (string, error) {
	if o.kind == kube.Secret || o.kind == kube.ServiceAccount {
		if len(kube.Differences(carry.Clean(live), inNew)) > 0 {
			return "its copy in new says something else", nil
		}
		return "", nil
	}
	now, err := inventory.Seal(live)
	switch frozen := o.d.Inventory.SealOf(o.ref); {
	case err != nil:
		return "", fmt.Errorf("identify %s in old: %w", o.ref, err)
	case frozen == "":
		return "the frozen inventory cannot tell it from another one of that name", nil
	case frozen != now:
		return "it was made anew or changed since it was frozen; look at it, then cutover adopt takes it in", nil
	}
	return "", nil
}

// running says what of a workload still runs, "" for nothing and for what is no workload.
func running(u *unstructured.Unstructured) string {
	number := func(otherwise int64, path ...string) int64 {
		if n, found, err := unstructured.NestedInt64(u.Object, path...); found && err == nil {
			return n
		}
		return otherwise
	}
	var wanted, there int64
	switch u.GetKind() {
	case kube.Deployment.Kind, kube.StatefulSet.Kind:
		wanted, there = number(1, "spec", "replicas"), number(0, "status", "replicas")
	case kube.DaemonSet.Kind:
		wanted, there = number(0, "status", "desiredNumberScheduled"), number(0, "status", "currentNumberScheduled")
	case kube.CronJob.Kind:
		active, _, _ := unstructured.NestedSlice(u.Object, "status", "active")
		there = int64(len(active))
		if suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend"); !suspended {
			return "it is not suspended in old"
		}
	}
	if wanted+there == 0 {
		return ""
	}
	return fmt.Sprintf("it runs in old: %d pods wanted, %d there", wanted, there)
}

// needed says which Ingress of old stays and leads to the Service, or shows the certificate; "" if there is none.
func (o own) needed(ctx context.Context) (string, error) {
	if o.kind != kube.Service && o.kind != kube.Secret {
		return "", nil
	}
	all, err := o.d.Old.List(ctx, kube.Ingress, o.ref.Namespace)
	if err != nil {
		return "", err
	}
	for _, u := range all {
		_, frozen := o.d.Inventory.Ingress(u.GetNamespace(), u.GetName())
		if goes := frozen && o.d.Plan.Spec.Deletes(kube.Ingress.Kind); goes || kube.Ours(u, o.d.Name()) {
			continue
		}
		ing, err := kube.As[networkingv1.Ingress](u)
		if err != nil {
			return "", err
		}
		leads := o.kind == kube.Service && slices.Contains(ingress.Services(ing), o.ref.Name)
		shows := o.kind == kube.Secret && slices.ContainsFunc(ing.Spec.TLS, func(t networkingv1.IngressTLS) bool { return t.SecretName == o.ref.Name })
		if leads || shows {
			return "Ingress " + ing.Name + " stays and needs it", nil
		}
	}
	return "", nil
}

// whole is a live object, a Secret with its data; nil if there is none.
func whole(ctx context.Context, c *kube.Cluster, k kube.Kind, ns, name string) (*unstructured.Unstructured, error) {
	u, err := parts.Live(ctx, c, k, ns, name)
	if err != nil || u == nil || k != kube.Secret {
		return u, err
	}
	if u, err = c.Read(ctx, k, ns, name); apierrors.IsNotFound(err) {
		return nil, nil
	}
	return u, err
}
