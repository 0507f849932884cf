package kube

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is a kind of object and the resource that serves it.
type Kind struct {
	Group, Version, Kind, Resource string
	Namespaced                     bool
}

// GVK is what stands in apiVersion and kind.
func (k Kind) GVK() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind}
}

// GVR is what stands in the address.
func (k Kind) GVR() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: k.Group, Version: k.Version, Resource: k.Resource}
}

// The kinds that the program reads or writes.
var (
	Service        = Kind{"", "v1", "Service", "services", true}
	ConfigMap      = Kind{"", "v1", "ConfigMap", "configmaps", true}
	Secret         = Kind{"", "v1", "Secret", "secrets", true}
	ServiceAccount = Kind{"", "v1", "ServiceAccount", "serviceaccounts", true}
	Pod            = Kind{"", "v1", "Pod", "pods", true}
	PVC            = Kind{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true}
	ResourceQuota  = Kind{"", "v1", "ResourceQuota", "resourcequotas", true}
	LimitRange     = Kind{"", "v1", "LimitRange", "limitranges", true}
	Event          = Kind{"", "v1", "Event", "events", true}
	Namespace      = Kind{"", "v1", "Namespace", "namespaces", false}
	Node           = Kind{"", "v1", "Node", "nodes", false}

	Deployment  = Kind{"apps", "v1", "Deployment", "deployments", true}
	ReplicaSet  = Kind{"apps", "v1", "ReplicaSet", "replicasets", true}
	StatefulSet = Kind{"apps", "v1", "StatefulSet", "statefulsets", true}
	DaemonSet   = Kind{"apps", "v1", "DaemonSet", "daemonsets", true}
	CronJob     = Kind{"batch", "v1", "CronJob", "cronjobs", true}
	Job         = Kind{"batch", "v1", "Job", "jobs", true}

	Ingress       = Kind{"networking.k8s.io", "v1", "Ingress", "ingresses", true}
	IngressClass  = Kind{"networking.k8s.io", "v1", "IngressClass", "ingressclasses", false}
	NetworkPolicy = Kind{"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true}
	EndpointSlice = Kind{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true}
	ServiceCIDR   = Kind{"networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", false}

	Role          = Kind{"rbac.authorization.k8s.io", "v1", "Role", "roles", true}
	RoleBinding   = Kind{"rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true}
	HPA           = Kind{"autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true}
	PDB           = Kind{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true}
	PriorityClass = Kind{"scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", false}
	StorageClass  = Kind{"storage.k8s.io", "v1", "StorageClass", "storageclasses", false}
	Lease         = Kind{"coordination.k8s.io", "v1", "Lease", "leases", true}
)

var kinds = []Kind{
	Service, ConfigMap, Secret, ServiceAccount, Pod, PVC, ResourceQuota, LimitRange, Event, Namespace, Node,
	Deployment, ReplicaSet, StatefulSet, DaemonSet, CronJob, Job,
	Ingress, IngressClass, NetworkPolicy, EndpointSlice, ServiceCIDR,
	Role, RoleBinding, HPA, PDB, PriorityClass, StorageClass, Lease,
}

// KindNamed finds a kind by what stands in an object's kind: "Deployment", "HorizontalPodAutoscaler".
func KindNamed(kind string) (Kind, bool) {
	for _, k := range kinds {
		if k.Kind == kind {
			return k, true
		}
	}
	return Kind{}, false
}

// metadataOnly says whether the view must not hold the content of the kind.
func metadataOnly(k Kind) bool { return k == Secret }
