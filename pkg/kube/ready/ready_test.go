package ready_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

var cases = []struct {
	name, object, detail string
	state                phase.State
}{
	{"a Deployment whose controller is behind", `{kind: Deployment, metadata: {generation: 3}, spec: {replicas: 1}, status: {observedGeneration: 2, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, replicas: 1}}`, "generation 3", phase.Settling},
	{"a Deployment without any status", `{kind: Deployment, metadata: {generation: 1}, spec: {}}`, "generation 1", phase.Settling},
	{"a Deployment whose controller gave up", `{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1, conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded, message: timed out}]}}`, "1 of 2 replicas ready; its controller gave up: ProgressDeadlineExceeded: timed out", phase.Settling},
	{"a Deployment that is there although its controller gave up", `{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2, conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded}]}}`, "2 of 2", phase.Done},
	{"a Deployment with old replicas ready", `{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2}}`, "1 of 2 replicas updated", phase.Settling},
	{"a Deployment whose old replicas are still there", `{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 3, updatedReplicas: 2, readyReplicas: 3, availableReplicas: 3}}`, "too many", phase.Settling},
	{"a Deployment that is ready and not yet available", `{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 1}}`, "1 of 2 replicas available", phase.Settling},
	{"a Deployment that is there", `{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2, conditions: [{type: Progressing, status: "True"}]}}`, "2 of 2", phase.Done},
	{"a Deployment scaled to 0 with pods left", `{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 0}, status: {observedGeneration: 1, replicas: 1}}`, "too many", phase.Settling},
	{"a Deployment at 0", `{kind: Deployment, metadata: {generation: 1}, spec: {replicas: 0}, status: {observedGeneration: 1}}`, "0 of 0", phase.Done},
	{"a Deployment that is being deleted", `{kind: Deployment, metadata: {generation: 1, deletionTimestamp: "2026-01-01T00:00:00Z"}, spec: {replicas: 0}, status: {observedGeneration: 1}}`, "deleted", phase.Settling},
	{"a StatefulSet in mid-roll", `{kind: StatefulSet, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, readyReplicas: 2, updatedReplicas: 1}}`, "1 of 2 replicas updated", phase.Settling},
	{"a StatefulSet behind its partition", `{kind: StatefulSet, metadata: {generation: 1}, spec: {replicas: 2, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}}, status: {observedGeneration: 1, replicas: 2, readyReplicas: 2, updatedReplicas: 1}}`, "2 of 2 replicas ready", phase.Done},
	{"a StatefulSet that waits", `{kind: StatefulSet, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, readyReplicas: 1, updatedReplicas: 2}}`, "1 of 2", phase.Settling},
	{"a DaemonSet that no node takes", `{kind: DaemonSet, metadata: {generation: 1}, spec: {}, status: {observedGeneration: 1}}`, "no node", phase.Settling},
	{"a DaemonSet that is there", `{kind: DaemonSet, metadata: {generation: 1}, spec: {}, status: {observedGeneration: 1, desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1}}`, "1 of 1", phase.Done},
	{"a ReplicaSet that lacks one", `{kind: ReplicaSet, metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, replicas: 2, availableReplicas: 1}}`, "1 of 2", phase.Settling},
	{"a Job that runs", `{kind: Job, status: {active: 1}}`, "1 active", phase.Settling},
	{"a Job that is through", `{kind: Job, status: {succeeded: 1, conditions: [{type: Complete, status: "True"}]}}`, "complete", phase.Done},
	{"a Job that failed", `{kind: Job, status: {failed: 1, conditions: [{type: Failed, status: "True", reason: BackoffLimitExceeded}]}}`, "BackoffLimitExceeded", phase.Failed},
	{"a Pod that is ready", `{kind: Pod, status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}`, "ready", phase.Done},
	{"a Pod whose image cannot be pulled", `{kind: Pod, status: {phase: Pending, containerStatuses: [{name: app, state: {waiting: {reason: ImagePullBackOff}}}]}}`, "container app waits: ImagePullBackOff", phase.Settling},
	{"a Pod that nobody schedules", `{kind: Pod, status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", message: "0/1 nodes"}]}}`, "not scheduled: 0/1 nodes", phase.Settling},
	{"a Pod that failed", `{kind: Pod, status: {phase: Failed, reason: Evicted}}`, "Evicted", phase.Failed},
	{"a claim that is bound", `{kind: PersistentVolumeClaim, spec: {volumeName: v}, status: {phase: Bound}}`, "bound to v", phase.Done},
	{"a claim that is pending", `{kind: PersistentVolumeClaim, status: {phase: Pending}}`, "not bound", phase.Settling},
	{"a claim that lost its volume", `{kind: PersistentVolumeClaim, status: {phase: Lost}}`, "lost", phase.Failed},
	{"a Service", `{kind: Service}`, "exists", phase.Done},
	{"something that cannot be read", `{kind: Deployment, spec: {replicas: many}}`, "Deployment", phase.Failed},
}

func TestOfSaysWhatIsMissing(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			state, detail := ready.Of(parse(t, c.object))
			if state != c.state || !strings.Contains(detail, c.detail) {
				t.Errorf("%s %q, want %s with %q in it", state, detail, c.state, c.detail)
			}
		})
	}
	if state, detail := ready.Of(nil); state != phase.Pending || detail == "" {
		t.Errorf("nothing: %s %q", state, detail)
	}
}

func TestEndpointsCountsPodsThatTakeTraffic(t *testing.T) {
	slices := []*unstructured.Unstructured{
		parse(t, `{kind: EndpointSlice, addressType: IPv4, endpoints: [
			{addresses: [10.0.0.1], conditions: {ready: true}, targetRef: {uid: a}},
			{addresses: [10.0.0.2], conditions: {ready: false}, targetRef: {uid: b}},
			{addresses: [10.0.0.3], conditions: {ready: true, terminating: true}, targetRef: {uid: c}},
			{addresses: [10.0.0.4]}, {addresses: []}]}`),
		parse(t, `{kind: EndpointSlice, addressType: IPv6, endpoints: [{addresses: ["fd00::1"], conditions: {ready: true}, targetRef: {uid: a}}]}`),
		parse(t, `{kind: EndpointSlice, metadata: {deletionTimestamp: "2026-01-01T00:00:00Z"}, endpoints: [{addresses: [10.0.0.9]}]}`),
		parse(t, `{kind: EndpointSlice, endpoints: broken}`),
	}
	if got := ready.Endpoints(slices); got != 2 {
		t.Errorf("%d take traffic, want 2 (one with readiness true, one that says nothing)", got)
	}
	if got := ready.Endpoints(nil); got != 0 {
		t.Errorf("%d in no slice at all", got)
	}
}
