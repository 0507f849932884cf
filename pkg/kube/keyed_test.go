package kube

import (
	"reflect"
	"testing"
)

// An item that stands where another one is wanted is neither that one nor a stranger: nothing of it is written into the other.
func TestItemsAreFoundByTheirKeysWhereverTheyStand(t *testing.T) {
	env := func(names ...string) (all []any) {
		for _, n := range names {
			all = append(all, map[string]any{"name": n, "value": n})
		}
		return all
	}
	item := func(name string, env []any) map[string]any { return map[string]any{"name": name, "env": env} }
	a, b := item("a", env("ONE")), item("b", env("TWO", "THREE"))
	more := func(at string, wanted any) []Op {
		return []Op{{Op: "replace", Path: "/containers/" + at + "/env", Value: wanted}}
	}
	for what, c := range map[string]struct {
		live []any
		want []Op
	}{
		"as wanted":                        {[]any{a, b}, nil},
		"the first is gone":                {[]any{b}, nil},
		"the last is gone":                 {[]any{a}, nil},
		"in another order":                 {[]any{b, a}, nil},
		"one more in the second":           {[]any{a, item("b", env("TWO", "MORE"))}, more("1", b["env"])},
		"in another order, and one more":   {[]any{b, item("a", env("ONE", "MORE"))}, more("1", a["env"])},
		"the first is gone, and one more":  {[]any{item("b", env("TWO", "MORE", "THREE"))}, more("0", b["env"])},
		"somebody else's is in its place":  {[]any{item("c", nil), b}, []Op{{Op: "replace", Path: "/containers", Value: []any{a, b}}}},
		"somebody else's is beside them":   {[]any{b, a, item("c", nil)}, []Op{{Op: "replace", Path: "/containers", Value: []any{a, b}}}},
		"items of the second in any order": {[]any{item("b", env("THREE", "TWO"))}, nil},
	} {
		got := strangers(nil, "", map[string]any{"containers": []any{a, b}}, map[string]any{"containers": c.live})
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", what, got, c.want)
		}
	}
}
