package ready

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// About collects what may explain why an object is not as it should be: that it is not there, the newest warnings about
// it, and of a workload what Why tells and the warnings about its ReplicaSets. Lines are as in Why.
func About(ctx context.Context, c *kube.Cluster, o phase.Object) []string {
	kind, ok := kube.KindNamed(o.Kind)
	if !ok {
		return nil
	}
	live, err := c.Get(ctx, kind, o.Namespace, o.Name)
	switch {
	case apierrors.IsNotFound(err):
		return []string{o.Kind + " " + o.Namespace + "/" + o.Name + " is not in " + c.Env()}
	case err != nil:
		return []string{err.Error()}
	}
	var facts []string
	var about map[string]bool // by name: pods and what made them
	if selector, _, _ := unstructured.NestedStringMap(live.Object, "spec", "selector", "matchLabels"); len(selector) > 0 {
		if facts, about, err = pods(ctx, c, o.Namespace, selector); err != nil {
			facts = append(facts, "pods could not be read: "+err.Error())
		}
	}
	return append(facts, events(ctx, c, o.Namespace, func(e *corev1.Event) bool {
		is := e.InvolvedObject
		return is.Kind == o.Kind && is.Name == o.Name || about[is.Name] || is.Kind == kube.ReplicaSet.Kind && madeBy(o, is.Name)
	})...)
}

// madeBy: a ReplicaSet is called like its Deployment and a hash. Without pods nothing else tells.
func madeBy(o phase.Object, replicaSet string) bool {
	hash, ok := strings.CutPrefix(replicaSet, o.Name+"-")
	return ok && o.Kind == kube.Deployment.Kind && !strings.Contains(hash, "-")
}
