package kube

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// contents are the fields of a ConfigMap or Secret to whose keys no server adds any.
var contents = []string{"data", "binaryData"}

// differences are Differences and what is dropped: what an apply would change.
func differences(want, live *unstructured.Unstructured) []Difference {
	return append(Differences(want, live), dropped(want, live)...)
}

// dropped are the keys of a ConfigMap or Secret that we wrote and that nobody wants any more: what the original has lost must not
// stay in its copy. A key that somebody else added is theirs and no difference, as in Differences.
func dropped(want, live *unstructured.Unstructured) (all []Difference) {
	if kind := live.GetKind(); kind != ConfigMap.Kind && kind != Secret.Kind {
		return nil
	}
	wants := normal(want)
	for _, field := range contents {
		wanted := without(wants[field])
		for key, value := range without(live.Object[field]) {
			if _, ok := wanted[key]; !ok && wrote(live, field, key) {
				all = append(all, Difference{Path: join(field, key), Live: value})
			}
		}
	}
	slices.SortFunc(all, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// wrote reports whether managedFields name us as an owner of a key, by whatever operation: an apply without it gives up all of
// them first (handedOver), so that afterwards the key is gone, or another's.
func wrote(live *unstructured.Unstructured, field, key string) bool {
	for _, m := range live.GetManagedFields() {
		if m.Manager != Manager || m.FieldsV1 == nil {
			continue
		}
		var fields map[string]map[string]any
		if err := json.Unmarshal(m.FieldsV1.GetRawBytes(), &fields); err != nil { // then nothing is known of it
			continue
		}
		if _, ok := fields["f:"+field]["f:"+key]; ok {
			return true
		}
	}
	return false
}
