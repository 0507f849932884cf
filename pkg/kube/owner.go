package kube

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Manager is the field manager of everything we write.
const Manager = "cutover"

// Relabels is the field manager that a request names which makes fields over from one entry of managedFields to another and changes
// nothing else. It comes to own nothing; the name tells such a request from a change in an audit log.
const Relabels = "cutover-relabels"

// The labels of everything we write. The value of LabelManaged is Manager, that of LabelPlan the plan's name.
const (
	LabelManaged = "app.kubernetes.io/managed-by"
	LabelPlan    = "cutover.dev/plan"
)

// Own sets both labels.
func Own(obj *unstructured.Unstructured, plan string) {
	labels := obj.GetLabels() // a copy
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelManaged], labels[LabelPlan] = Manager, plan
	obj.SetLabels(labels)
}

// Ours reports whether this plan wrote the object.
func Ours(obj *unstructured.Unstructured, plan string) bool {
	labels := obj.GetLabels()
	return plan != "" && labels[LabelManaged] == Manager && labels[LabelPlan] == plan
}

// mark is a label or annotation by which something that writes objects is known.
type mark struct{ key, who string }

// Those that go on comparing with their own source and change an object back.
var reverting = []mark{
	{"argocd.argoproj.io/tracking-id", "Argo CD"},
	{"argocd.argoproj.io/instance", "Argo CD"},
	{"kustomize.toolkit.fluxcd.io/name", "Flux"},
	{"helm.toolkit.fluxcd.io/name", "Flux"},
	{"helm.cattle.io/chart", "Rancher's Helm controller"},
	{"helm.cattle.io/object-set-id", "Rancher's Helm controller"},
	{"objectset.rio.cattle.io/id", "Rancher"},
	{"kapp.k14s.io/app", "kapp"},
	{"addonmanager.kubernetes.io/mode", "the addon manager"},
	{"olm.owner", "the Operator Lifecycle Manager"},
	{"config.k8s.io/owning-inventory", "kpt"},
	{"configmanagement.gke.io/managed", "Config Sync"},
	{"fleet.cattle.io/bundle-id", "Fleet"},
}

// Field managers of the same, for those that leave no mark on the object.
var revertingManagers = []mark{
	{"argocd-controller", "Argo CD"},
	{"argocd-application-controller", "Argo CD"},
	{"kustomize-controller", "Flux"},
	{"helm-controller", "Flux"},
	{"configsync.gke.io", "Config Sync"},
}

// OwnerOf says in words who owns an object, "" if nobody who could be recognised.
func OwnerOf(obj *unstructured.Unstructured) string {
	labels := obj.GetLabels()
	if labels[LabelManaged] == Manager {
		return "cutover plan " + cmp.Or(labels[LabelPlan], "without a name")
	}
	if who, ok := Reverter(obj); ok {
		return who
	}
	if release := obj.GetAnnotations()["meta.helm.sh/release-name"]; release != "" {
		return "Helm release " + release
	}
	if o := controller(obj); o != nil {
		return o.Kind + "/" + o.Name + " (ownerReference)"
	}
	if by := labels[LabelManaged]; by != "" {
		return by + " (label " + LabelManaged + ")"
	}
	if managers := fieldManagers(obj); len(managers) > 0 {
		return strings.Join(managers, ", ") + " (field manager)"
	}
	return ""
}

// Reverter names what would change the object back if we changed it: a GitOps tool, or the operator whose object owns
// this one. Helm itself is none, it acts only when somebody runs it.
func Reverter(obj *unstructured.Unstructured) (string, bool) {
	labels, annotations := obj.GetLabels(), obj.GetAnnotations()
	for _, m := range reverting {
		if v, ok := labels[m.key]; ok {
			return m.who + " (label " + m.key + "=" + v + ")", true
		}
		if v, ok := annotations[m.key]; ok {
			return m.who + " (annotation " + m.key + "=" + v + ")", true
		}
	}
	for _, manager := range fieldManagers(obj) {
		for _, m := range revertingManagers {
			if manager == m.key {
				return m.who + " (field manager " + manager + ")", true
			}
		}
	}
	if o := controller(obj); o != nil && !builtIn(o) {
		return o.Kind + "/" + o.Name + " (ownerReference, an operator's)", true
	}
	return "", false
}

func controller(obj *unstructured.Unstructured) *metav1.OwnerReference {
	refs := obj.GetOwnerReferences()
	for i := range refs {
		if refs[i].Controller != nil && *refs[i].Controller {
			return &refs[i]
		}
	}
	if len(refs) > 0 {
		return &refs[0]
	}
	return nil
}

// builtIn: owners of Kubernetes' own API groups make objects (Pods, ReplicaSets), but keep no others as they were.
func builtIn(o *metav1.OwnerReference) bool {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return slices.Contains([]string{"v1", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "discovery.k8s.io"}, group)
}

// fieldManagers are those who wrote anything but the status, without the kubelet and the built-in controllers.
func fieldManagers(obj *unstructured.Unstructured) []string {
	var all []string
	for _, m := range obj.GetManagedFields() {
		if m.Subresource == "" && m.Manager != Manager && !strings.HasPrefix(m.Manager, "kube-") && m.Manager != "kubelet" {
			all = append(all, m.Manager)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
