package kube

import (
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// goTypes rewrite an object as the Go type of its kind writes it, which is what API servers do to all they store.
var goTypes = map[schema.GroupVersionKind]func(*unstructured.Unstructured) (*unstructured.Unstructured, error){
	Service.GVK():        through[corev1.Service],
	ConfigMap.GVK():      through[corev1.ConfigMap],
	Secret.GVK():         through[corev1.Secret],
	ServiceAccount.GVK(): through[corev1.ServiceAccount],
	Pod.GVK():            through[corev1.Pod],
	PVC.GVK():            through[corev1.PersistentVolumeClaim],
	ResourceQuota.GVK():  through[corev1.ResourceQuota],
	LimitRange.GVK():     through[corev1.LimitRange],
	Deployment.GVK():     through[appsv1.Deployment],
	StatefulSet.GVK():    through[appsv1.StatefulSet],
	DaemonSet.GVK():      through[appsv1.DaemonSet],
	CronJob.GVK():        through[batchv1.CronJob],
	Job.GVK():            through[batchv1.Job],
	Ingress.GVK():        through[networkingv1.Ingress],
	NetworkPolicy.GVK():  through[networkingv1.NetworkPolicy],
	EndpointSlice.GVK():  through[discoveryv1.EndpointSlice],
	Role.GVK():           through[rbacv1.Role],
	RoleBinding.GVK():    through[rbacv1.RoleBinding],
	HPA.GVK():            through[autoscalingv2.HorizontalPodAutoscaler],
	PDB.GVK():            through[policyv1.PodDisruptionBudget],
}

func through[T any](u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	typed, err := As[T](u)
	if err != nil {
		return nil, err
	}
	gvk := u.GroupVersionKind()
	return From(Kind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind}, typed)
}

// retyped is u itself where its kind has no type here, or where it does not fit it: the API server will say so.
func retyped(u *unstructured.Unstructured) *unstructured.Unstructured {
	rewrite := goTypes[u.GroupVersionKind()]
	if rewrite == nil {
		return u
	}
	typed, err := rewrite(u)
	if err != nil {
		return u
	}
	out, ok := prune(typed.Object, u.Object).(map[string]any)
	if !ok {
		return u
	}
	return &unstructured.Unstructured{Object: out}
}

// prune takes out what is not in the original: some types write their zero values, and nobody asked for those.
func prune(typed, original any) any {
	switch o := original.(type) {
	case map[string]any:
		t, ok := typed.(map[string]any)
		if !ok {
			return typed
		}
		out := make(map[string]any, len(o))
		for key, v := range o {
			if tv, ok := t[key]; ok && !defaulted(key, v) {
				out[key] = prune(tv, v)
			}
		}
		return out
	case []any:
		t, ok := typed.([]any)
		if !ok || len(t) != len(o) {
			return typed
		}
		out := make([]any, len(o))
		for i := range o {
			out[i] = prune(t[i], o[i])
		}
		return out
	}
	return typed
}

// defaulted: a Service port made from the Go type says targetPort 0, which to an API server means the port itself.
func defaulted(key string, v any) bool {
	return key == "targetPort" && (same(v, 0) || same(v, ""))
}
