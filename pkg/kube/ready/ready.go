package ready

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// Of judges a live object. The detail is always set. Kinds that have no readiness of their own are Done when they
// exist; an object that is being deleted never is. A workload of which no replica is wanted is Done with none: who needs
// some to answer asks Endpoints.
func Of(u *unstructured.Unstructured) (phase.State, string) {
	if u == nil {
		return phase.Pending, "absent"
	}
	if u.GetDeletionTimestamp() != nil {
		return phase.Settling, "is being deleted"
	}
	switch u.GetKind() {
	case kube.Deployment.Kind:
		return typed(u, deployment)
	case kube.ReplicaSet.Kind:
		return typed(u, replicaSet)
	case kube.StatefulSet.Kind:
		return typed(u, statefulSet)
	case kube.DaemonSet.Kind:
		return typed(u, daemonSet)
	case kube.Job.Kind:
		return typed(u, job)
	case kube.Pod.Kind:
		return typed(u, pod)
	case kube.PVC.Kind:
		return typed(u, claim)
	}
	return phase.Done, "exists"
}

func typed[T any](u *unstructured.Unstructured, judge func(*T) (phase.State, string)) (phase.State, string) {
	o, err := kube.As[T](u)
	if err != nil {
		return phase.Failed, err.Error()
	}
	return judge(o)
}

// unseen: the controller has not looked at the newest spec, so its status is about an older one.
func unseen(generation, observed int64) (phase.State, string, bool) {
	if observed < generation {
		return phase.Settling, fmt.Sprintf("its controller has not seen generation %d yet", generation), true
	}
	return 0, "", false
}

func count(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}

// short says how many of what is wanted are there, "" if all.
func short(what string, have, want int32) (string, bool) {
	return fmt.Sprintf("%d of %d replicas %s", have, want, what), have < want
}

func deployment(d *appsv1.Deployment) (phase.State, string) {
	if state, why, ok := unseen(d.Generation, d.Status.ObservedGeneration); ok {
		return state, why
	}
	want := count(d.Spec.Replicas)
	for _, c := range []struct {
		what string
		have int32
	}{{"updated", d.Status.UpdatedReplicas}, {"ready", d.Status.ReadyReplicas}, {"available", d.Status.AvailableReplicas}} {
		if why, yes := short(c.what, c.have, want); yes {
			return phase.Settling, why + gaveUp(d)
		}
	}
	if old := d.Status.Replicas - want; old > 0 {
		return phase.Settling, fmt.Sprintf("%d replicas too many are still there", old)
	}
	return phase.Done, fmt.Sprintf("%d of %d replicas ready", d.Status.ReadyReplicas, want)
}

// gaveUp is what the controller says when nothing became ready within spec.progressDeadlineSeconds, or it may not make its
// ReplicaSet. It is no verdict: the controller goes on trying, and its condition stays until the next pod becomes ready,
// also after what kept the pods back was mended.
func gaveUp(d *appsv1.Deployment) string {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse {
			return "; its controller gave up: " + c.Reason + ": " + c.Message
		}
	}
	return ""
}

func replicaSet(r *appsv1.ReplicaSet) (phase.State, string) {
	if state, why, ok := unseen(r.Generation, r.Status.ObservedGeneration); ok {
		return state, why
	}
	want := count(r.Spec.Replicas)
	why, yes := short("available", r.Status.AvailableReplicas, want)
	switch {
	case yes:
		return phase.Settling, why
	case r.Status.Replicas > want:
		return phase.Settling, fmt.Sprintf("%d replicas too many are still there", r.Status.Replicas-want)
	}
	return phase.Done, why
}

func statefulSet(s *appsv1.StatefulSet) (phase.State, string) {
	if state, why, ok := unseen(s.Generation, s.Status.ObservedGeneration); ok {
		return state, why
	}
	want := count(s.Spec.Replicas)
	why, yes := short("ready", s.Status.ReadyReplicas, want)
	switch {
	case yes:
		return phase.Settling, why
	case s.Status.Replicas > want:
		return phase.Settling, fmt.Sprintf("%d replicas too many are still there", s.Status.Replicas-want)
	}
	updated := want
	if u := s.Spec.UpdateStrategy.RollingUpdate; u != nil && u.Partition != nil {
		updated = max(want-*u.Partition, 0)
	}
	if s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		updated = 0
	}
	if why, yes := short("updated", s.Status.UpdatedReplicas, updated); yes {
		return phase.Settling, why
	}
	return phase.Done, why
}

func daemonSet(d *appsv1.DaemonSet) (phase.State, string) {
	if state, why, ok := unseen(d.Generation, d.Status.ObservedGeneration); ok {
		return state, why
	}
	want := d.Status.DesiredNumberScheduled
	if d.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType {
		if why, yes := short("updated", d.Status.UpdatedNumberScheduled, want); yes {
			return phase.Settling, why
		}
	}
	why, yes := short("available", d.Status.NumberAvailable, want)
	switch {
	case yes:
		return phase.Settling, why
	case want == 0:
		return phase.Settling, "no node takes it"
	}
	return phase.Done, why
}

func job(j *batchv1.Job) (phase.State, string) {
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobFailed, c.Type == batchv1.JobFailureTarget:
			return phase.Failed, "failed: " + c.Reason + ": " + c.Message
		case c.Type == batchv1.JobComplete:
			return phase.Done, fmt.Sprintf("complete, %d succeeded", j.Status.Succeeded)
		case c.Type == batchv1.JobSuspended:
			return phase.Settling, "suspended"
		}
	}
	return phase.Settling, fmt.Sprintf("%d active, %d succeeded, %d failed", j.Status.Active, j.Status.Succeeded, j.Status.Failed)
}

func pod(p *corev1.Pod) (phase.State, string) {
	switch p.Status.Phase {
	case corev1.PodSucceeded:
		return phase.Done, "ended well"
	case corev1.PodFailed:
		return phase.Failed, "ended: " + p.Status.Reason + " " + p.Status.Message
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return phase.Done, "ready"
		}
	}
	return phase.Settling, because(p)
}

func claim(c *corev1.PersistentVolumeClaim) (phase.State, string) {
	switch c.Status.Phase {
	case corev1.ClaimBound:
		return phase.Done, "bound to " + c.Spec.VolumeName
	case corev1.ClaimLost:
		return phase.Failed, "its volume " + c.Spec.VolumeName + " is lost"
	}
	return phase.Settling, "not bound yet; it may be waiting for its first consumer"
}

// Endpoints counts the addresses of a Service that take traffic: ready, and not about to go. A pod counts once,
// whatever the number of slices and IP families.
func Endpoints(slices []*unstructured.Unstructured) int {
	seen := map[string]bool{}
	for _, u := range slices {
		if u.GetDeletionTimestamp() != nil {
			continue
		}
		s, err := kube.As[discoveryv1.EndpointSlice](u)
		if err != nil {
			continue // what cannot be read is no evidence
		}
		for _, e := range s.Endpoints {
			if len(e.Addresses) == 0 || !takes(e.Conditions) {
				continue
			}
			who := e.Addresses[0]
			if e.TargetRef != nil && e.TargetRef.UID != "" {
				who = string(e.TargetRef.UID) // a pod has an address of each IP family
			}
			seen[who] = true
		}
	}
	return len(seen)
}

// takes: nil means yes for ready and no for terminating, as the API says.
func takes(c discoveryv1.EndpointConditions) bool {
	return (c.Ready == nil || *c.Ready) && (c.Terminating == nil || !*c.Terminating)
}
