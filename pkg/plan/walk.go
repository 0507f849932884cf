package plan

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// walk compares a YAML tree with its shape, and remembers where everything stands.
type walk struct {
	file     string
	problems []Problem
	at       map[string]*yaml.Node // by path: spec.waves[0].name
	refused  map[*yaml.Node]bool   // for how they are written; their values are not judged
	merges   map[*yaml.Node]bool   // mappings with a merge key
}

func (w *walk) report(c class, n *yaml.Node, format string, args ...any) {
	w.problems = append(w.problems, Problem{File: w.file, Line: n.Line, Col: n.Column, Message: oneLine(fmt.Sprintf(format, args...)), class: c})
}

// reportAt reports how fields relate; a path that is not in the file stands where its nearest parent does.
func (w *walk) reportAt(path, format string, args ...any) {
	for near := path; ; {
		if n, ok := w.at[near]; ok {
			w.report(relational, n, "%s: %s", path, fmt.Sprintf(format, args...))
			return
		}
		near = near[:max(strings.LastIndexAny(near, ".["), 0)]
	}
}

// form refuses what YAML allows and a plan does not: whatever lets a reviewer see something else than the tool does.
func (w *walk) form(n *yaml.Node) {
	refuse := func(format string, args ...any) {
		w.report(syntax, n, format, args...)
		w.refused[n] = true
	}
	switch {
	case n.Kind == yaml.AliasNode:
		refuse("an alias (*%s): write it out, so that a reviewer sees it in its place", n.Value)
		return // its target is judged where it stands
	case n.Anchor != "":
		refuse("an anchor (&%s): write values out, so that a reviewer sees them in their place", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		refuse("a tag (%s): types follow from the fields", n.Tag)
	case n.Kind == yaml.ScalarNode && n.Tag == "!!float":
		if v, ok := numeric(n); !ok || math.IsInf(v, 0) || math.IsNaN(v) {
			refuse("%s is no number", n.Value)
		}
	}
	if n.Kind == yaml.MappingNode {
		w.keys(n)
	}
	for _, c := range n.Content {
		w.form(c)
	}
}

func (w *walk) keys(n *yaml.Node) {
	seen := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		switch line, doubled := seen[key.Value]; {
		case key.Tag == "!!merge":
			w.report(syntax, key, "a merge key (<<): write the fields out, so that a reviewer sees them in their place")
			w.refused[key], w.merges[n] = true, true
		case key.Kind != yaml.ScalarNode || key.Tag != "!!str":
			w.report(syntax, key, "a key that is not text")
			w.refused[key] = true
		case doubled:
			w.report(syntax, key, "%q is given twice; the first is in line %d", key.Value, line)
			w.refused[key] = true
		default:
			seen[key.Value] = key.Line
		}
	}
}

// value returns what n is, and false when it is not what s allows.
func (w *walk) value(path string, n *yaml.Node, s *shape) (any, bool) {
	w.at[path] = n
	if w.refused[n] {
		return nil, false
	}
	switch {
	case s.kind == workload && n.Kind == yaml.ScalarNode:
		ref, _ := s.item.field("ref")
		v, ok := w.scalar(path, n, ref.shape)
		if !ok {
			return nil, false
		}
		values := map[string]any{"ref": v}
		s.item.fill(values)
		return values, true
	case s.kind == workload:
		return w.value(path, n, s.item)
	case s.kind == object && n.Kind == yaml.MappingNode:
		return w.object(path, n, s), true
	case s.kind == table && n.Kind == yaml.MappingNode:
		return w.table(path, n, s), true
	case s.kind == list && n.Kind == yaml.SequenceNode:
		return w.list(path, n, s), true
	case s.kind == object, s.kind == table, s.kind == list, n.Kind != yaml.ScalarNode:
		w.wrong(path, n, s)
		return nil, false
	}
	return w.scalar(path, n, s)
}

func (w *walk) object(path string, n *yaml.Node, s *shape) map[string]any {
	values, given, right := map[string]any{}, map[string]bool{}, map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if w.refused[key] {
			continue
		}
		f, known := s.field(key.Value)
		if !known {
			w.report(structural, key, "%s", unknown(path, key.Value, s))
			continue
		}
		given[f.name] = true
		if v, ok := w.value(join(path, f.name), n.Content[i+1], f.shape); ok {
			values[f.name], right[f.name] = v, true
		}
	}
	if !w.merges[n] { // with a merge key nobody can tell what is missing
		w.complete(path, n, s, given)
	}
	s.fill(values)
	for name := range given {
		if !right[name] {
			delete(values, name) // a default in its place would be judged as if it had been written
		}
	}
	return values
}

// complete reports fields of an object that are missing, or too many of those that exclude each other.
func (w *walk) complete(path string, n *yaml.Node, s *shape, given map[string]bool) {
	for _, f := range s.fields {
		if f.required && !given[f.name] {
			w.report(structural, n, "%s is missing", join(path, f.name))
		}
	}
	if count := len(slices.DeleteFunc(slices.Clone(s.oneOf), func(name string) bool { return !given[name] })); len(s.oneOf) > 0 && count != 1 {
		w.report(structural, n, "%s has %d of %s; give exactly one", path, count, strings.Join(s.oneOf, ", "))
	}
}

func (w *walk) table(path string, n *yaml.Node, s *shape) map[string]any {
	values := map[string]any{}
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i]; !w.refused[key] {
			if v, ok := w.value(path+"["+key.Value+"]", n.Content[i+1], s.item); ok {
				values[key.Value] = v
			}
		}
	}
	return values
}

func (w *walk) list(path string, n *yaml.Node, s *shape) []any {
	if len(n.Content) < int(s.min) {
		w.report(structural, n, "%s is empty", path)
	}
	values := make([]any, len(n.Content)) // a wrong item stays as nil: paths count every item
	seen := map[any]int{}
	for i, c := range n.Content {
		v, ok := w.value(fmt.Sprintf("%s[%d]", path, i), c, s.item)
		if !ok {
			continue
		}
		values[i] = v
		if !s.unique {
			continue
		}
		if line, doubled := seen[v]; doubled {
			w.report(structural, c, "%s[%d]: %v is given twice; the first is in line %d", path, i, v, line)
			values[i] = nil // one mistake, one message
			continue
		}
		seen[v] = c.Line
	}
	return values
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// unknown words an unknown field, with the field that was probably meant, or all there are.
func unknown(path, name string, s *shape) string {
	names := map[string]bool{}
	for _, f := range s.fields {
		names[f.name] = true
		if strings.EqualFold(f.name, name) || distance(f.name, name) <= 2 && len(name) > 3 {
			return fmt.Sprintf("%s is no field; is %s meant?", join(path, clip(name)), f.name)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("%s is no field; there are none here", join(path, clip(name)))
	}
	return fmt.Sprintf("%s is no field; there are %s", join(path, clip(name)), strings.Join(slices.Sorted(maps.Keys(names)), ", "))
}
