package inventory

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/plan"
)

// runner is a Pod that runs, or a Job.
type runner struct {
	ended    bool // a Job
	ref      plan.Ref
	owner    plan.Ref // what it belongs to, if to anything
	workload plan.Ref // what the owner stands for: of a ReplicaSet the Deployment
}

// unmovable lists what runs without a workload that could be copied: bare Pods and Jobs, and owners that cutover does
// not know. What has ended is not listed, nobody misses it.
func unmovable(l listed) []Unmovable {
	known := map[plan.Ref]bool{}
	for _, kind := range movable {
		for _, u := range l.of[kind] {
			known[refOf(u)] = true
		}
	}
	for _, r := range l.runs {
		if r.ref.Kind == kube.Job.Kind { // it answers for its Pods
			known[r.ref] = true
		}
	}
	found := map[plan.Ref]bool{}
	for _, r := range l.runs {
		switch {
		case r.ended || known[r.workload]:
		case r.owner.Name != "":
			found[r.owner] = true
		default:
			found[r.ref] = true
		}
	}
	var out []Unmovable
	for ref := range found {
		out = append(out, Unmovable{ref, "nothing would start it again in new"})
	}
	slices.SortFunc(out, func(a, b Unmovable) int { return compareRefs(a.Ref, b.Ref) })
	return out
}

// running says whether a Job has not ended.
func running(job *unstructured.Unstructured) bool {
	done, _, _ := unstructured.NestedString(job.Object, "status", "completionTime")
	conditions, _, _ := unstructured.NestedSlice(job.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Failed" && c["status"] == "True" {
			return false
		}
	}
	return done == ""
}

// runnerOf reads whose a Pod or Job is. The name of a ReplicaSet is its Deployment's with the hash of the template.
func runnerOf(u *unstructured.Unstructured) runner {
	r := runner{ref: refOf(u)}
	for _, o := range u.GetOwnerReferences() {
		if o.Controller == nil || !*o.Controller {
			continue
		}
		r.owner = plan.Ref{Namespace: u.GetNamespace(), Kind: o.Kind, Name: o.Name}
		r.workload = r.owner
		hash := u.GetLabels()["pod-template-hash"]
		if name, ok := strings.CutSuffix(o.Name, "-"+hash); ok && hash != "" && o.Kind == kube.ReplicaSet.Kind {
			r.workload.Kind, r.workload.Name = kube.Deployment.Kind, name
		}
		return r
	}
	return r
}
