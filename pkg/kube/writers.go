package kube

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// mostWriters is how many of those who wrote an object are named.
const mostWriters = 3

// Writers says who else has written an object since we did, newest first: "; last written by kubectl-edit at …". "" if
// nobody has. Which fields each of them wrote is not kept (see slim), so all are named; left out is who writes of its own
// accord what is no drift: the status, and the built-in controllers but for a scale.
func Writers(live *unstructured.Unstructured, diffs []Difference) string {
	scaled := slices.ContainsFunc(diffs, func(d Difference) bool { return d.Path == "spec.replicas" })
	var ours time.Time
	var others []metav1.ManagedFieldsEntry
	for _, m := range live.GetManagedFields() {
		switch {
		case m.Time == nil:
		case m.Manager == Manager:
			ours = latest(ours, m.Time.Time)
		case m.Subresource == "status", m.Subresource == "scale" && !scaled, m.Manager == Relabels:
		case m.Subresource != "scale" && (strings.HasPrefix(m.Manager, "kube-") || m.Manager == "kubelet"):
		default:
			others = append(others, m)
		}
	}
	slices.SortStableFunc(others, func(a, b metav1.ManagedFieldsEntry) int { return b.Time.Compare(a.Time.Time) })
	var named []string
	for _, m := range others {
		if who := m.Manager + " at " + m.Time.UTC().Format(time.RFC3339); !m.Time.Time.Before(ours) && len(named) < mostWriters {
			named = append(named, who)
		}
	}
	if len(named) == 0 {
		return ""
	}
	return "; last written by " + strings.Join(named, ", before that by ")
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
