package carry

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

// Need is one object that a workload goes with. A namespaced one is copied, a cluster-scoped one is only looked for in
// new. Optional: the workload starts without it.
type Need struct {
	Kind            kube.Kind
	Namespace, Name string
	Why             string // "env LEVEL of container app"
	Optional        bool
}

// madeByCluster are ConfigMaps that every cluster puts into every namespace.
var madeByCluster = []string{"kube-root-ca.crt", "openshift-service-ca.crt"}

// Needs lists what the pods of a workload name and cannot start, or be scheduled, without: by kind and name, each one
// once. A pod template that cannot be read gives one Need without a kind, so that nothing can take it for satisfied.
func Needs(workload *unstructured.Unstructured) []Need {
	pods, err := PodsOf(workload)
	if err != nil {
		return []Need{{Namespace: workload.GetNamespace(), Name: workload.GetName(), Why: err.Error()}}
	}
	n := needs{ns: workload.GetNamespace()}
	for _, c := range pods.Containers() {
		n.container(c)
	}
	for _, v := range pods.Spec.Volumes {
		n.volume(v)
	}
	for _, pull := range pods.Spec.ImagePullSecrets {
		n.add(kube.Secret, pull.Name, "pull secret", false)
	}
	if pods.Account() != "default" {
		n.add(kube.ServiceAccount, pods.Account(), "ServiceAccount of the pods", false)
	}
	n.add(kube.PriorityClass, pods.Spec.PriorityClassName, "priority of the pods", false)
	if pods.Spec.RuntimeClassName != nil {
		n.add(RuntimeClass, *pods.Spec.RuntimeClassName, "runtime of the pods", false)
	}
	if workload.GetKind() == kube.StatefulSet.Kind {
		n.claims(workload)
	}
	return n.sorted()
}

type needs struct {
	ns  string
	all []Need
}

// add notes a need; a name that is empty is none. The first reason is kept, and optional is only what is never needed.
func (n *needs) add(kind kube.Kind, name, why string, optional bool) {
	if name == "" || kind == kube.ConfigMap && slices.Contains(madeByCluster, name) {
		return
	}
	ns := ""
	if kind.Namespaced {
		ns = n.ns
	}
	for i := range n.all {
		if n.all[i].Kind == kind && n.all[i].Name == name {
			n.all[i].Optional = n.all[i].Optional && optional
			return
		}
	}
	n.all = append(n.all, Need{kind, ns, name, why, optional})
}

func (n *needs) sorted() []Need {
	slices.SortFunc(n.all, func(a, b Need) int {
		return cmp.Or(cmp.Compare(a.Kind.Kind, b.Kind.Kind), cmp.Compare(a.Name, b.Name))
	})
	return n.all
}

func (n *needs) container(c corev1.Container) {
	for _, from := range c.EnvFrom {
		if ref := from.ConfigMapRef; ref != nil {
			n.add(kube.ConfigMap, ref.Name, "envFrom of container "+c.Name, yes(ref.Optional))
		}
		if ref := from.SecretRef; ref != nil {
			n.add(kube.Secret, ref.Name, "envFrom of container "+c.Name, yes(ref.Optional))
		}
	}
	for _, env := range c.Env {
		if env.ValueFrom == nil {
			continue
		}
		if ref := env.ValueFrom.ConfigMapKeyRef; ref != nil {
			n.add(kube.ConfigMap, ref.Name, "env "+env.Name+" of container "+c.Name, yes(ref.Optional))
		}
		if ref := env.ValueFrom.SecretKeyRef; ref != nil {
			n.add(kube.Secret, ref.Name, "env "+env.Name+" of container "+c.Name, yes(ref.Optional))
		}
	}
}

func (n *needs) volume(v corev1.Volume) {
	why := "volume " + v.Name
	if v.ConfigMap != nil {
		n.add(kube.ConfigMap, v.ConfigMap.Name, why, yes(v.ConfigMap.Optional))
	}
	if v.Secret != nil {
		n.add(kube.Secret, v.Secret.SecretName, why, yes(v.Secret.Optional))
	}
	if v.PersistentVolumeClaim != nil {
		n.add(kube.PVC, v.PersistentVolumeClaim.ClaimName, why, false)
	}
	if v.CSI != nil && v.CSI.NodePublishSecretRef != nil {
		n.add(kube.Secret, v.CSI.NodePublishSecretRef.Name, why, false)
	}
	if v.AzureFile != nil {
		n.add(kube.Secret, v.AzureFile.SecretName, why, false)
	}
	if v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil && v.Ephemeral.VolumeClaimTemplate.Spec.StorageClassName != nil {
		n.add(kube.StorageClass, *v.Ephemeral.VolumeClaimTemplate.Spec.StorageClassName, why, false)
	}
	if v.Projected == nil {
		return
	}
	for _, source := range v.Projected.Sources {
		if source.ConfigMap != nil {
			n.add(kube.ConfigMap, source.ConfigMap.Name, why, yes(source.ConfigMap.Optional))
		}
		if source.Secret != nil {
			n.add(kube.Secret, source.Secret.Name, why, yes(source.Secret.Optional))
		}
	}
}

func (n *needs) claims(workload *unstructured.Unstructured) {
	claims, _, _ := unstructured.NestedSlice(workload.Object, "spec", "volumeClaimTemplates")
	for _, claim := range claims {
		if claim, ok := claim.(map[string]any); ok {
			class, _, _ := unstructured.NestedString(claim, "spec", "storageClassName")
			name, _, _ := unstructured.NestedString(claim, "metadata", "name")
			n.add(kube.StorageClass, class, "volume claim template "+name, false)
		}
	}
}

func yes(b *bool) bool { return b != nil && *b }
