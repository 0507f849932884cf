package plan

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestShapesAndTypesHaveTheSameFields(t *testing.T) {
	sameFields(t, "plan", root, reflect.TypeFor[Plan]())
}

func sameFields(t *testing.T, path string, s *shape, typ reflect.Type) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if s.item != nil {
		sameFields(t, path, s.item, typ)
		return
	}
	if s.kind != object {
		return
	}
	var shaped, typed []string
	for _, f := range s.fields {
		shaped = append(shaped, f.name)
	}
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		typed = append(typed, name)
		if sub, ok := s.field(name); ok {
			sameFields(t, path+"."+name, sub.shape, f.Type)
		}
	}
	slices.Sort(shaped)
	slices.Sort(typed)
	if !slices.Equal(shaped, typed) {
		t.Errorf("%s: the shape has %v, the type %v", path, shaped, typed)
	}
}
