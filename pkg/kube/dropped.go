package kube

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// contents are the fields of a ConfigMap or Secret to whose keys no server adds any.
var contents = []string{"data", "binaryData"}

// dropped are the keys of a ConfigMap or Secret that we wrote and that nobody wants any more: what the original has lost must not
// stay in its copy. A key that somebody else added is theirs and no difference, as in Differences.
func dropped(want, live *unstructured.Unstructured) (all []Difference) {
	if kind := live.GetKind(); kind != ConfigMap.Kind && kind != Secret.Kind {
		return nil
	}
	for _, field := range contents {
		wanted, _, _ := unstructured.NestedMap(normal(want), field)
		there, _, _ := unstructured.NestedMap(live.Object, field)
		for key, value := range there {
			if _, ok := wanted[key]; !ok && wrote(live, field, key) {
				all = append(all, Difference{Path: join(field, key), Live: value})
			}
		}
	}
	slices.SortFunc(all, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// wrote reports whether managedFields name us as an owner of a key.
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
