package kube

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Difference is one field that is not as wanted.
type Difference struct {
	Path       string // "spec.ports[0].port"
	Live, Want any    // nil = not there
}

// Differences lists where live is not as wanted says. What wanted does not mention does not count, so defaults and
// what others add are no difference; but a selector is compared as a whole, because one more label in it selects other
// pods. Lists are compared in order and must be of the same length. Absent, null and empty are the same. Both are read
// as the Go type of their kind first, if it is known here, so that "1000m" is "1" and a false that is as good as absent
// is absent. Our labels, what only a server sets and the status are left out.
func Differences(wanted, live *unstructured.Unstructured) []Difference {
	var all []Difference
	if walk(&all, "", normal(wanted), normal(live), false); len(all) == 0 {
		return nil // what is equal as it stands is equal, and mostly it is
	}
	all = nil
	walk(&all, "", normal(retyped(wanted)), normal(retyped(live)), false)
	return all
}

// walk compares one value. exact: what is not wanted counts as well.
func walk(all *[]Difference, path string, want, live any, exact bool) {
	if empty(want) && empty(live) {
		return
	}
	if _, list := want.([]any); empty(want) && !list && !exact {
		return
	}
	switch w := want.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok && live != nil {
			break
		}
		keys := slices.Collect(maps.Keys(w))
		if exact {
			keys = append(keys, slices.Collect(maps.Keys(l))...)
		}
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			walk(all, join(path, key), w[key], l[key], exact || strings.HasSuffix(strings.ToLower(key), "selector"))
		}
		return
	case []any:
		l, ok := live.([]any)
		if !ok || len(l) != len(w) {
			break
		}
		for i := range w {
			walk(all, fmt.Sprintf("%s[%d]", path, i), w[i], l[i], exact)
		}
		return
	default:
		if same(want, live) {
			return
		}
	}
	*all = append(*all, Difference{Path: path, Live: live, Want: want})
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func join(path, key string) string {
	if strings.ContainsAny(key, "./") {
		return path + "[" + key + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// What only a server sets in metadata.
var serverSet = []string{"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"}

// bare is a copy of what a person would have written: without status and without what only a server sets.
func bare(obj *unstructured.Unstructured) *unstructured.Unstructured {
	u := obj.DeepCopy()
	delete(u.Object, "status")
	for _, f := range serverSet {
		unstructured.RemoveNestedField(u.Object, "metadata", f)
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "annotations", lastApplied)
	return u
}

// normal is what bare leaves, without our labels and with stringData of a Secret where it ends up. It shares what it
// does not change with obj.
func normal(obj *unstructured.Unstructured) map[string]any {
	out := without(obj.Object, "status", "apiVersion")
	metadata := without(out["metadata"], serverSet...)
	metadata["labels"] = without(metadata["labels"], LabelManaged, LabelPlan)
	metadata["annotations"] = without(metadata["annotations"], lastApplied)
	out["metadata"] = metadata
	if obj.GetKind() == Secret.Kind {
		data := without(out["data"])
		for key, v := range without(out["stringData"]) {
			data[key] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(v)))
		}
		out["data"] = data
		delete(out, "stringData")
	}
	return out
}

// without is a shallow copy of a map without some keys, empty if it is no map.
func without(v any, keys ...string) map[string]any {
	m, _ := v.(map[string]any)
	out := make(map[string]any, len(m)+1)
	maps.Copy(out, m)
	for _, key := range keys {
		delete(out, key)
	}
	return out
}

func kindOf(obj *unstructured.Unstructured) (Kind, error) {
	gvk := obj.GroupVersionKind()
	for _, k := range kinds {
		if k.GVK() == gvk {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("%s %s/%s is of a kind that is not known here", gvk, obj.GetNamespace(), obj.GetName())
}
