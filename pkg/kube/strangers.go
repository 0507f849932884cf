package kube

import (
	"context"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// keys are the fields by which Kubernetes tells items of a list apart (x-kubernetes-list-map-keys in its OpenAPI).
var keys = []string{"name", "port", "containerPort", "protocol", "mountPath", "devicePath", "ip", "topologyKey", "whenUnsatisfiable", "type", "uid"}

// withoutStrangers takes out of one of ours what somebody else put into a list: to a server-side apply an item with another
// key is another's, and it would stay beside ours. It returns what is there then.
func (c *Cluster) withoutStrangers(ctx context.Context, k Kind, wanted, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	ops := strangers(nil, "", bare(wanted).Object, live.Object)
	if len(ops) == 0 {
		return live, nil
	}
	ns, name := live.GetNamespace(), live.GetName()
	ops = append([]Op{{Op: "test", Path: "/metadata/resourceVersion", Value: live.GetResourceVersion()}}, ops...)
	if err := c.Patch(ctx, k, ns, name, ops); err != nil {
		return nil, err
	}
	return c.read(ctx, k, ns, name)
}

// strangers are operations that replace each list which has items in live that nobody wants.
func strangers(ops []Op, at string, want, live any) []Op {
	switch w := want.(type) {
	case map[string]any:
		l, _ := live.(map[string]any)
		for key, v := range w {
			ops = strangers(ops, below(at, key), v, l[key])
		}
	case []any:
		l, _ := live.([]any)
		inOrder := !keyed(append(slices.Clone(w), l...))
		if !inOrder && (len(l) > len(w) || slices.ContainsFunc(l, func(item any) bool { return stranger(w, item) })) {
			return append(ops, Op{Op: "replace", Path: at, Value: w})
		}
		for i, one := range w {
			if !inOrder { // it may stand elsewhere, or be gone
				i = slices.IndexFunc(l, func(item any) bool { return alike(one, item) })
			}
			if i >= 0 && i < len(l) {
				ops = strangers(ops, below(at, strconv.Itoa(i)), one, l[i])
			}
		}
	}
	return ops
}

// keyed: the items have keys. A list of others is written as a whole.
func keyed(list []any) bool {
	return slices.ContainsFunc(list, func(item any) bool {
		m, _ := item.(map[string]any)
		return slices.ContainsFunc(keys, func(key string) bool { _, ok := m[key]; return ok })
	})
}

// stranger: no item that is wanted is this one.
func stranger(wanted []any, item any) bool {
	return !slices.ContainsFunc(wanted, func(one any) bool { return alike(one, item) })
}

// alike: an item has the keys of one that is wanted. What is not wanted of a key is whatever the server makes of it.
func alike(wanted, item any) bool {
	w, _ := wanted.(map[string]any)
	l, _ := item.(map[string]any)
	return !slices.ContainsFunc(keys, func(key string) bool { v, ok := w[key]; return ok && !same(v, l[key]) })
}
