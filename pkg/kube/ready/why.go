package ready

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"cutover.dev/cutover/pkg/kube"
)

// How many facts Why tells at most.
const (
	mostPods   = 5
	mostEvents = 5
)

// makers are the kinds whose controllers make pods.
var makers = []string{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController"}

// Why collects what may explain why the pods that a selector matches are not ready: the pods that are not, with the
// reason they give, and the newest warnings about them and about what made them. Every line is an observation, none a
// conclusion; that something could not be read is a line as well, and "no pods" is only said when they could be. An
// empty selector matches nothing.
func Why(ctx context.Context, c *kube.Cluster, ns string, selector map[string]string) []string {
	if len(selector) == 0 {
		return nil
	}
	facts, about, err := pods(ctx, c, ns, selector)
	if err != nil {
		return append(facts, "pods could not be read: "+err.Error())
	}
	return append(facts, events(ctx, c, ns, func(e *corev1.Event) bool {
		// Without pods, what made none of them may say why; a pod of another workload may not, nor an autoscaler.
		return about[e.InvolvedObject.Name] || len(about) == 0 && slices.Contains(makers, e.InvolvedObject.Kind)
	})...)
}

// pods tells of those that are not ready, and names all of them and what made them.
func pods(ctx context.Context, c *kube.Cluster, ns string, selector map[string]string) (facts []string, about map[string]bool, err error) {
	match := labels.SelectorFromSet(selector)
	found, err := c.Find(ctx, kube.Pod, ns, match.String())
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		facts = append(facts, fmt.Sprintf("there is no pod with %s in namespace %s of %s", match, ns, c.Env()))
	}
	about = map[string]bool{}
	for _, u := range found {
		p, err := kube.As[corev1.Pod](u)
		if err != nil {
			return facts, about, err
		}
		about[p.Name] = true
		for _, o := range p.OwnerReferences {
			about[o.Name] = true
		}
		if !isReady(p) && len(facts) < mostPods {
			facts = append(facts, "pod "+p.Name+": "+because(p))
		}
	}
	return facts, about, nil
}

func isReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// because is the reason that a pod itself gives for not being ready.
func because(p *corev1.Pod) string {
	var why []string
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		switch {
		case s.State.Waiting != nil && s.State.Waiting.Reason != "PodInitializing":
			why = append(why, fmt.Sprintf("container %s waits: %s %s%s", s.Name, s.State.Waiting.Reason, s.State.Waiting.Message, before(s)))
		case s.State.Terminated != nil && s.State.Terminated.ExitCode != 0:
			why = append(why, fmt.Sprintf("container %s ended: %s, exit code %d", s.Name, s.State.Terminated.Reason, s.State.Terminated.ExitCode))
		case s.State.Running != nil && !s.Ready:
			why = append(why, fmt.Sprintf("container %s runs and is not ready%s", s.Name, before(s)))
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			why = append(why, "not scheduled: "+c.Message)
		}
	}
	if len(why) == 0 {
		why = append(why, cmp.Or(string(p.Status.Phase), "no status yet"))
	}
	return strings.TrimSpace(strings.Join(why, "; "))
}

// before is what became of a container earlier.
func before(s corev1.ContainerStatus) string {
	text := fmt.Sprintf(", %d restarts", s.RestartCount)
	if last := s.LastTerminationState.Terminated; last != nil {
		text += fmt.Sprintf(", ended before: %s, exit code %d", last.Reason, last.ExitCode)
	}
	return text
}

// events are the newest warnings of those that matter, newest first.
func events(ctx context.Context, c *kube.Cluster, ns string, matters func(*corev1.Event) bool) []string {
	found, err := c.Find(ctx, kube.Event, ns, "")
	if err != nil {
		return []string{"events could not be read: " + err.Error()}
	}
	var all []*corev1.Event
	for _, u := range found {
		if e, err := kube.As[corev1.Event](u); err == nil && e.Type == corev1.EventTypeWarning && matters(e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *corev1.Event) int { return when(b).Compare(when(a)) })
	var lines []string
	for _, e := range all[:min(len(all), mostEvents)] {
		lines = append(lines, fmt.Sprintf("event at %s about %s %s: %s: %s", when(e).UTC().Format(time.TimeOnly),
			e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message))
	}
	return lines
}

// when is the newest time that an event gives; which field is set depends on who wrote it.
func when(e *corev1.Event) time.Time {
	newest := e.CreationTimestamp.Time
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time} {
		if t.After(newest) {
			newest = t
		}
	}
	return newest
}
