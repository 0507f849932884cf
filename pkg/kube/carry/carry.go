// Package carry knows what travels with a workload from one cluster to another: how an object is cleaned of what its
// cluster put on it (Clean), what the workload cannot start without (Needs), what belongs to it although it does not
// name it (Related), and how large it is right now (Replicas). It reads and says; it never writes, and never reads what
// is in a Secret.
package carry

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"cutover.dev/cutover/pkg/kube"
)

// Reader is the part of a *kube.Cluster that this package reads with. What it returns is never changed here.
type Reader interface {
	Get(ctx context.Context, k kube.Kind, ns, name string) (*unstructured.Unstructured, error)
	List(ctx context.Context, k kube.Kind, ns string) ([]*unstructured.Unstructured, error)
}

// Kinds that only this package and the inventory name.
var (
	ClusterRole  = kube.Kind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole", Resource: "clusterroles"}
	RuntimeClass = kube.Kind{Group: "node.k8s.io", Version: "v1", Kind: "RuntimeClass", Resource: "runtimeclasses"}
	ScaledObject = kube.Kind{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject", Resource: "scaledobjects", Namespaced: true}
)

// Pods is the pod template of a workload.
type Pods struct {
	Labels map[string]string
	Spec   corev1.PodSpec
}

// PodsOf reads the pod template of a Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob, and of a Pod the
// Pod itself.
func PodsOf(workload *unstructured.Unstructured) (*Pods, error) {
	path := []string{"spec", "template"}
	switch workload.GetKind() {
	case kube.CronJob.Kind:
		path = []string{"spec", "jobTemplate", "spec", "template"}
	case kube.Pod.Kind:
		path = nil
	}
	object, found, err := unstructured.NestedFieldNoCopy(workload.Object, path...)
	template, isMap := object.(map[string]any)
	if err != nil || !found || !isMap {
		return nil, fmt.Errorf("read pods of %s %s/%s: it has no pod template", workload.GetKind(), workload.GetNamespace(), workload.GetName())
	}
	var typed struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Spec corev1.PodSpec `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, &typed); err != nil {
		return nil, fmt.Errorf("read pods of %s %s/%s: %w", workload.GetKind(), workload.GetNamespace(), workload.GetName(), err)
	}
	return &Pods{typed.Metadata.Labels, typed.Spec}, nil
}

// Account is the ServiceAccount of the pods.
func (p *Pods) Account() string {
	if p.Spec.ServiceAccountName != "" {
		return p.Spec.ServiceAccountName
	}
	return "default"
}

// Containers are all containers of the pods, those that run before the others too.
func (p *Pods) Containers() []corev1.Container {
	return append(append([]corev1.Container{}, p.Spec.InitContainers...), p.Spec.Containers...)
}

// Selects says whether a label selector takes labels. A nil selector takes nothing, an empty one everything.
func Selects(selector *metav1.LabelSelector, with map[string]string) (bool, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, fmt.Errorf("read label selector: %w", err)
	}
	return s.Matches(set(with)), nil
}

type set map[string]string

func (s set) Has(key string) bool              { _, ok := s[key]; return ok }
func (s set) Get(key string) string            { return s[key] }
func (s set) Lookup(key string) (string, bool) { v, ok := s[key]; return v, ok }

// Replicas returns how many pods a workload wants right now, whoever decided that, and how many of them are ready: the
// size that its copy must have before it takes traffic. A DaemonSet wants one on every node it fits; a CronJob wants and
// has the jobs that run at this moment.
func Replicas(ctx context.Context, c Reader, workload *unstructured.Unstructured) (live, ready int, err error) {
	kind, known := kube.KindNamed(workload.GetKind())
	if !known {
		return 0, 0, fmt.Errorf("count replicas of %s %s/%s: not a kind of workload", workload.GetKind(), workload.GetNamespace(), workload.GetName())
	}
	u, err := c.Get(ctx, kind, workload.GetNamespace(), workload.GetName())
	if err != nil {
		return 0, 0, fmt.Errorf("count replicas: %w", err)
	}
	number := func(path ...string) (int, bool) {
		n, found, err := unstructured.NestedInt64(u.Object, path...)
		return int(n), found && err == nil
	}
	switch kind {
	case kube.Deployment, kube.StatefulSet, kube.ReplicaSet:
		live, set := number("spec", "replicas")
		if !set {
			live = 1
		}
		ready, _ = number("status", "readyReplicas")
		return live, ready, nil
	case kube.DaemonSet:
		live, _ = number("status", "desiredNumberScheduled")
		ready, _ = number("status", "numberReady")
		return live, ready, nil
	case kube.CronJob:
		active, _, _ := unstructured.NestedSlice(u.Object, "status", "active")
		return len(active), len(active), nil
	}
	return 0, 0, fmt.Errorf("count replicas of %s %s/%s: not a kind of workload", u.GetKind(), u.GetNamespace(), u.GetName())
}
