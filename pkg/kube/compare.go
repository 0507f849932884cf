package kube

import (
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Difference is one field that is not as wanted.
type Difference struct {
	Path       string // "spec.ports[0].port"
	Live, Want any    // nil = not there
}

// Differences lists where live is not as wanted says. What wanted does not mention does not count, so defaults and
// what others add are no difference; but a selector is compared as a whole, because one more label in it selects other
// pods. Lists are compared in order and must be of the same length. Absent, null and empty are the same. Quantities are
// compared by value ("1000m" is "1"). Our labels, what only a server sets and the status are left out.
func Differences(wanted, live *unstructured.Unstructured) []Difference {
	w, l := normal(wanted), normal(live)
	var all []Difference
	walk(&all, "", w, l, walkMode{limitRange: wanted.GetKind() == LimitRange.Kind})
	return all
}

// walkMode is what the keys above say about the values below.
type walkMode struct{ quantity, exact, limitRange, target bool }

func walk(all *[]Difference, path string, want, live any, m walkMode) {
	if empty(want) && (!m.exact || empty(live)) {
		_, list := want.([]any)
		if !list || empty(live) {
			return
		}
	}
	switch w := want.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok && live != nil {
			break
		}
		keys := slices.Collect(maps.Keys(w))
		if m.exact {
			keys = append(keys, slices.Collect(maps.Keys(l))...)
		}
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			walk(all, join(path, key), w[key], l[key], m.into(key))
		}
		return
	case []any:
		l, ok := live.([]any)
		if !ok || len(l) != len(w) {
			break
		}
		for i := range w {
			walk(all, fmt.Sprintf("%s[%d]", path, i), w[i], l[i], m)
		}
		return
	default:
		if same(want, live) || (m.quantity && sameQuantity(want, live)) {
			return
		}
	}
	*all = append(*all, Difference{Path: path, Live: live, Want: want})
}

// into is the mode for what is below a key.
func (m walkMode) into(key string) walkMode {
	switch key {
	case "requests", "limits", "hard", "capacity", "sizeLimit", "averageValue", "divisor", "overhead":
		m.quantity = true
	case "target": // of an autoscaler's metric
		m.target = true
	case "value":
		m.quantity = m.target
	case "max", "min", "default", "defaultRequest", "maxLimitRequestRatio":
		m.quantity = m.quantity || m.limitRange
	}
	if strings.HasSuffix(strings.ToLower(key), "selector") {
		m.exact = true
	}
	return m
}

func sameQuantity(a, b any) bool {
	x, errX := resource.ParseQuantity(fmt.Sprint(a))
	y, errY := resource.ParseQuantity(fmt.Sprint(b))
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

func empty(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Map || r.Kind() == reflect.Slice) && r.Len() == 0
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

// bare is a copy of what a person would have written: without status and without what only a server sets.
func bare(obj *unstructured.Unstructured) *unstructured.Unstructured {
	u := obj.DeepCopy()
	delete(u.Object, "status")
	for _, f := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"} {
		unstructured.RemoveNestedField(u.Object, "metadata", f)
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "annotations", lastApplied)
	return u
}

// normal is bare, without our labels, and with stringData of a Secret where it ends up.
func normal(obj *unstructured.Unstructured) map[string]any {
	u := bare(obj)
	unstructured.RemoveNestedField(u.Object, "metadata", "labels", LabelManaged)
	unstructured.RemoveNestedField(u.Object, "metadata", "labels", LabelPlan)
	delete(u.Object, "apiVersion")
	if u.GetKind() == Secret.Kind {
		text, _, _ := unstructured.NestedStringMap(u.Object, "stringData")
		for key, v := range text {
			_ = unstructured.SetNestedField(u.Object, base64.StdEncoding.EncodeToString([]byte(v)), "data", key)
		}
		delete(u.Object, "stringData")
	}
	return u.Object
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
