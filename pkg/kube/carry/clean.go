package carry

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

// ownerMarks are labels and annotations by which a GitOps tool or a package manager finds its own objects. The copy is
// not its object: a tool in new that found its mark on it would prune it. A prefix ends in a slash.
var ownerMarks = []string{
	"app.kubernetes.io/managed-by", "argocd.argoproj.io/", "meta.helm.sh/", "helm.sh/",
	"kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "kapp.k14s.io/", "olm.owner", "olm.owner.namespace", "olm.owner.kind",
	"objectset.rio.cattle.io/", "fleet.cattle.io/", "helm.cattle.io/", "configmanagement.gke.io/", "config.k8s.io/", "addonmanager.kubernetes.io/",
	"cutover.dev/",
}

// clusterMarks are annotations that a cluster writes about its own copy.
var clusterMarks = []string{
	"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/", "deprecated.daemonset.template.generation",
	"autoscaling.alpha.kubernetes.io/", "pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/storage-provisioner",
	"endpoints.kubernetes.io/", "kubernetes.io/service-account.uid", "openshift.io/", "field.cattle.io/", "control-plane.alpha.kubernetes.io/",
}

// Clean returns a copy of an object as somebody would have written it: without what the server set, without who owns
// it, without addresses and ports of its cluster. Labels of pods are never touched, selectors go by them.
func Clean(u *unstructured.Unstructured) *unstructured.Unstructured {
	out := u.DeepCopy()
	delete(out.Object, "status")
	metadata := map[string]any{"name": u.GetName()}
	if ns := u.GetNamespace(); ns != "" {
		metadata["namespace"] = ns
	}
	keep(metadata, "labels", u.GetLabels(), ownerMarks)
	keep(metadata, "annotations", u.GetAnnotations(), append(append([]string{}, ownerMarks...), clusterMarks...))
	out.Object["metadata"] = metadata
	for _, path := range [][]string{{"spec", "template"}, {"spec", "jobTemplate"}, {"spec", "jobTemplate", "spec", "template"}} {
		unstructured.RemoveNestedField(out.Object, append(path, "metadata", "creationTimestamp")...)
		unstructured.RemoveNestedField(out.Object, append(path, "spec", "nodeName")...)
	}
	switch u.GetKind() {
	case kube.Service.Kind:
		cleanService(out)
	case kube.ServiceAccount.Kind:
		delete(out.Object, "secrets") // tokens of this cluster
	case kube.PVC.Kind:
		unstructured.RemoveNestedField(out.Object, "spec", "volumeName")
	case kube.Pod.Kind:
		unstructured.RemoveNestedField(out.Object, "spec", "nodeName")
	case kube.StatefulSet.Kind:
		cleanClaims(out)
	}
	return out
}

func keep(metadata map[string]any, field string, from map[string]string, without []string) {
	kept := map[string]any{}
	for key, value := range from {
		if !marked(key, without) {
			kept[key] = value
		}
	}
	if len(kept) > 0 {
		metadata[field] = kept
	}
}

func marked(key string, marks []string) bool {
	for _, mark := range marks {
		if key == mark || strings.HasSuffix(mark, "/") && strings.HasPrefix(key, mark) {
			return true
		}
	}
	return false
}

// cleanService drops the addresses and ports that this cluster gave. A headless Service stays headless; the family of
// its addresses is the new cluster's choice unless somebody asked for two.
func cleanService(u *unstructured.Unstructured) {
	spec, _, _ := unstructured.NestedMap(u.Object, "spec")
	if spec == nil {
		return
	}
	if spec["clusterIP"] != "None" {
		delete(spec, "clusterIP")
		delete(spec, "clusterIPs")
	}
	delete(spec, "ipFamilies")
	if spec["ipFamilyPolicy"] == "SingleStack" {
		delete(spec, "ipFamilyPolicy")
	}
	for _, field := range []string{"healthCheckNodePort", "loadBalancerIP", "loadBalancerClass", "allocateLoadBalancerNodePorts", "externalIPs"} {
		delete(spec, field)
	}
	ports, _ := spec["ports"].([]any)
	for _, port := range ports {
		if port, ok := port.(map[string]any); ok {
			delete(port, "nodePort")
		}
	}
	u.Object["spec"] = spec
}

func cleanClaims(u *unstructured.Unstructured) {
	claims, found, err := unstructured.NestedSlice(u.Object, "spec", "volumeClaimTemplates")
	if !found || err != nil {
		return
	}
	for _, claim := range claims {
		if claim, ok := claim.(map[string]any); ok {
			delete(claim, "status")
			unstructured.RemoveNestedField(claim, "metadata", "creationTimestamp")
			unstructured.RemoveNestedField(claim, "spec", "volumeName")
		}
	}
	_ = unstructured.SetNestedSlice(u.Object, claims, "spec", "volumeClaimTemplates") // spec is a map, it was read just now
}

// Copyable says whether a Secret may be copied to another cluster, and else why not. It looks at name and type; of a
// Secret read as metadata only the name decides.
func Copyable(secret *unstructured.Unstructured) (reason string, ok bool) {
	kind, _, _ := unstructured.NestedString(secret.Object, "type")
	switch {
	case kind == "kubernetes.io/service-account-token":
		return "it is a ServiceAccount token, which is of use in its own cluster only", false
	case kind == "helm.sh/release.v1", strings.HasPrefix(secret.GetName(), "sh.helm.release."):
		return "it is a release record of Helm, whose release stays in old", false
	case kind == "bootstrap.kubernetes.io/token":
		return "it lets nodes join its own cluster", false
	}
	return "", true
}
