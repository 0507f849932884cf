package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// endsAlike wants both clusters to hold at the end of a phase what they held at its end when nothing was killed. The road
// goes on if they do not.
func (r *rig) endsAlike(t *testing.T, phase string, end map[string]rehearse.Snapshot) {
	t.Helper()
	for _, c := range world.Clusters() {
		var differ []string
		for began := time.Now(); ; { // controllers come to rest
			differ = slices.DeleteFunc(changes(end[c.Name], r.take(t, c)), drawn)
			if len(differ) == 0 || time.Since(began) > rest || !pause(t.Context(), time.Second) {
				break
			}
		}
		for _, d := range differ {
			t.Errorf("%s does not end in %s as it did when nothing was killed: %s", phase, c.Name, d)
		}
	}
}

// rest is how long controllers get to tidy up, where nothing waits for them that the tool has not waited for.
const rest = 20 * time.Second

// drawn: an API server chose that address, and chooses another one for every new object.
func drawn(line string) bool {
	_, what, _ := strings.Cut(line, ": ")
	return strings.HasPrefix(what, "spec.clusterIP") && !strings.Contains(what, `"None"`)
}

// cleanUp goes where there is no way back from, through kills as well, and judges by what was there before any of it what
// is there in the end: nothing that was built for the way, and all else, for which only external-dns and cert-manager are
// switched on again.
func (r *rig) cleanUp(t *testing.T, h *hunt, origin map[string]rehearse.Snapshot) {
	r.leaveOld(t)
	before := r.snapshots(t)
	r.killed(t, h, true, cleanup, "--allow-irreversible")
	if err := r.answers(t, world.New, world.New); err != nil {
		t.Errorf("new does not answer every host: %v", err)
	}
	went := 0
	for _, c := range world.Clusters() {
		wrong, gone := unlike(c, origin[c.Name], before[c.Name], r.take(t, c))
		for _, w := range wrong {
			t.Errorf("%s: %s", c.Name, w)
		}
		went += gone
	}
	if went == 0 {
		t.Error("nothing was there that had to go: that shows nothing")
	}
	t.Logf("%d objects went", went)
}

// unlike says how the end of a cluster differs from the one that it should have, by what it held before anything and
// before cleanup, and how many objects went. It takes the switches out of the snapshots.
func unlike(c world.Cluster, origin, before, after rehearse.Snapshot) (wrong []string, gone int) {
	if off, on := switches(before), switches(after); c == world.New && (off == 0 || on > 0) {
		wrong = append(wrong, fmt.Sprintf("external-dns and cert-manager were switched off by %d annotations, and are by %d", off, on))
	}
	for key := range after {
		if _, was := origin[key]; !was && scaffold(key) && !stays(c, key) {
			wrong = append(wrong, key+" is still there")
		}
	}
	for _, line := range changes(before, after) {
		key, what, _ := strings.Cut(line, ": ")
		if _, was := origin[key]; !was && what == "vanished" && scaffold(key) {
			gone++
		} else {
			wrong = append(wrong, "there was something else when the waves had ended: "+line)
		}
	}
	slices.Sort(wrong)
	return wrong, gone
}

// scaffold: the object was built for the way, by its name.
func scaffold(key string) bool {
	parts := strings.Split(key, "/")
	return strings.HasPrefix(parts[len(parts)-1], "cutover-")
}

// stays: the tool's own memory, and in old what leads late clients on to new for as long as there is an old.
func stays(c world.Cluster, key string) bool {
	_, name, _ := strings.Cut(key, "/")
	kind, name, _ := strings.Cut(name, "/")
	memory := kind == "ConfigMap" && (strings.Contains(name, "-journal") || strings.Contains(name, "-inventory"))
	tail := c.Name == world.Old.Name && (kind == "Service" || kind == "EndpointSlice") && strings.HasPrefix(name, "cutover-tail")
	return memory || tail
}

// switches takes out of a snapshot what external-dns and cert-manager read of its Ingresses, and counts it. The lab's own
// Ingresses have nothing of the kind.
func switches(s rehearse.Snapshot) (n int) {
	for key, object := range s {
		notes, _, _ := unstructured.NestedMap(object, "metadata", "annotations")
		if !strings.Contains(key, "/Ingress/") || len(notes) == 0 {
			continue
		}
		before := len(notes)
		maps.DeleteFunc(notes, func(name string, _ any) bool {
			return strings.Contains(name, "external-dns") || strings.Contains(name, "cert-manager")
		})
		n += before - len(notes)
		unstructured.RemoveNestedField(object, "metadata", "annotations")
		if len(notes) > 0 {
			_ = unstructured.SetNestedMap(object, notes, "metadata", "annotations") // metadata is a map: it was one above
		}
	}
	return n
}
