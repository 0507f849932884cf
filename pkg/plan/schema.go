package plan

import (
	"encoding/json"
	"fmt"
)

// SchemaID is how an editor knows the schema.
const SchemaID = "https://cutover.dev/schema/v1alpha1/plan.json"

// Schema returns the JSON schema (draft 2020-12) of the plan. It says no to exactly those plans that Decode refuses for
// a field, a type or a pattern; what needs arithmetic or two fields (an address that is a loopback one, a workload in
// two waves) only Decode sees.
func Schema() ([]byte, error) {
	s := root.schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["$id"] = SchemaID
	s["title"] = "A plan of cutover"
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return append(data, '\n'), nil
}

func (s *shape) schema() map[string]any {
	switch s.kind {
	case object:
		return s.objectSchema()
	case table:
		return map[string]any{"type": "object", "additionalProperties": s.item.schema()}
	case list:
		out := map[string]any{"type": "array", "items": s.item.schema(), "minItems": s.min}
		if s.unique {
			out["uniqueItems"] = true
		}
		return out
	case workload:
		ref, _ := s.item.field("ref")
		return map[string]any{"oneOf": []any{ref.shape.schema(), s.item.schema()}}
	case integer:
		return map[string]any{"type": "integer", "minimum": s.min, "maximum": s.max}
	case number:
		return map[string]any{"type": "number", "minimum": s.min, "maximum": s.max}
	case boolean:
		return map[string]any{"type": "boolean"}
	}
	out := map[string]any{"type": "string"}
	if s.enum != nil {
		out["enum"] = s.enum
	}
	if s.pattern != nil {
		out["pattern"] = s.pattern.String()
	}
	return out
}

func (s *shape) objectSchema() map[string]any {
	properties := map[string]any{}
	var required []string
	for _, f := range s.fields {
		p := f.shape.schema()
		p["description"] = f.doc
		if f.def != nil {
			p["default"] = f.def
		}
		properties[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if required != nil {
		out["required"] = required
	}
	if s.oneOf != nil {
		var ways []any
		for _, name := range s.oneOf {
			ways = append(ways, map[string]any{"required": []string{name}})
		}
		out["oneOf"] = ways
	}
	return out
}
