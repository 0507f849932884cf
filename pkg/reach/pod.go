package reach

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
)

// Port is where a relay listens, on the loopback of its pod alone: only the port-forward of the API server leads there.
const Port = 7788

// LabelRelay is on every relay pod. Its value says whose it is: a run that holds the lock, so that the next one to hold it may
// remove what is left, or one that only looks.
const LabelRelay = "cutover.dev/relay"

// The values of LabelRelay.
const (
	OfRun  = "run"
	OfLook = "look"
)

// annotationRun says in the words of the journal which run made it.
const annotationRun = "cutover.dev/run"

// A relay whose run was killed ends by itself: no job of GitHub's lasts longer than the first, and nobody looks as long as
// the second. A run that does last longer makes itself another one.
const (
	lifeOfRun  = 6 * time.Hour
	lifeOfLook = time.Hour
)

// nobody is the user that a relay runs as. It has no files.
const nobody = 65532

// pod is a relay as an object. Whoever can read it learns where it may dial, and the hash of the token.
func (p *Pod) pod(name string) (*unstructured.Unstructured, error) {
	no, yes, user, grace, life := false, true, int64(nobody), int64(1), int64(lifeOfRun/time.Second)
	if p.o.Of == OfLook {
		life = int64(lifeOfLook / time.Second)
	}
	u, err := kube.From(kube.Pod, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.o.Namespace, Name: name,
			Labels:      map[string]string{LabelRelay: p.o.Of, "app.kubernetes.io/name": "cutover-relay"},
			Annotations: map[string]string{annotationRun: p.o.Run},
		},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no, EnableServiceLinks: &no,
			RestartPolicy: corev1.RestartPolicyNever, ActiveDeadlineSeconds: &life, TerminationGracePeriodSeconds: &grace,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "relay", Image: p.o.Image, ImagePullPolicy: corev1.PullIfNotPresent,
				Args: []string{"relay", "--listen", listenAt, "--token-sha256", Hash(p.token), "--allow", strings.Join(p.o.Allow, ",")},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("256Mi")},
				},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	})
	if err != nil {
		return nil, err
	}
	kube.Own(u, p.o.Plan)
	return u, nil
}

// state is how far a pod is.
type state int

const (
	coming state = iota
	running
	over
)

// look says how far a pod is, and why it is not running.
func look(u *unstructured.Unstructured) (state, string) {
	pod, err := kube.As[corev1.Pod](u)
	if err != nil {
		return coming, err.Error()
	}
	why := []string{string(pod.Status.Phase), pod.Status.Reason, pod.Status.Message}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			why = append(why, c.Reason, c.Message)
		}
	}
	ready := false
	for _, c := range pod.Status.ContainerStatuses {
		ready = ready || c.State.Running != nil
		if w := c.State.Waiting; w != nil {
			why = append(why, w.Reason, w.Message)
		}
		if t := c.State.Terminated; t != nil {
			why = append(why, t.Reason, t.Message)
		}
	}
	why = removeEmpty(why)
	switch {
	case pod.DeletionTimestamp != nil, pod.Status.Phase == corev1.PodFailed, pod.Status.Phase == corev1.PodSucceeded:
		return over, strings.Join(why, " ")
	case ready && pod.Status.Phase == corev1.PodRunning:
		return running, ""
	}
	return coming, strings.Join(why, " ")
}

func removeEmpty(words []string) (out []string) {
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}
