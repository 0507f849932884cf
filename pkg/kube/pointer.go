package kube

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

func tested(ops []Op) bool {
	return slices.ContainsFunc(ops, func(o Op) bool { return o.Op == "test" })
}

// holds reports whether every `test` operation is true of an object.
func holds(object map[string]any, ops []Op) bool {
	for _, o := range ops {
		if v, ok := resolve(object, o.Path); o.Op == "test" && (!ok || !same(v, o.Value)) {
			return false
		}
	}
	return true
}

// patched reports whether every other operation has left its mark on an object. An append is not recognised.
func patched(object map[string]any, ops []Op) bool {
	for _, o := range ops {
		v, ok := resolve(object, o.Path)
		switch o.Op {
		case "test":
		case "remove":
			if ok {
				return false
			}
		default:
			if !ok || !same(v, o.Value) {
				return false
			}
		}
	}
	return true
}

// below is the JSON pointer (RFC 6901) to a key of what another points to.
func below(pointer, key string) string {
	return pointer + "/" + strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// resolve follows a JSON pointer.
func resolve(object any, pointer string) (any, bool) {
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch o := object.(type) {
		case map[string]any:
			v, ok := o[token]
			if !ok {
				return nil, false
			}
			object = v
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(o) {
				return nil, false
			}
			object = o[i]
		default:
			return nil, false
		}
	}
	return object, true
}

// same compares as JSON does, so that typed values and int kinds do not matter.
func same(a, b any) bool {
	switch a := a.(type) { // most values are of these, and of one type on both sides
	case string:
		if b, ok := b.(string); ok {
			return a == b
		}
	case bool:
		if b, ok := b.(bool); ok {
			return a == b
		}
	case int64:
		if b, ok := b.(int64); ok {
			return a == b
		}
	}
	return reflect.DeepEqual(plain(a), plain(b))
}

func plain(v any) (out any) {
	b, err := json.Marshal(v)
	if err != nil || json.Unmarshal(b, &out) != nil {
		return v
	}
	return out
}
