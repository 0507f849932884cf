package plan

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// kind is what a value in the file can be.
type kind int

const (
	text kind = iota
	integer
	number
	boolean
	object
	list
	table    // free keys, values of one shape
	workload // a string, or the object in item
)

// shape says what is allowed at one place of the file. The decoder, the JSON schema, the defaults and docs/plan.md all
// come from it, so that they cannot disagree. What no schema can say is in check and in relations.
type shape struct {
	kind     kind
	want     string         // words for what is allowed, in errors and docs
	pattern  *regexp.Regexp // text
	enum     []string       // text
	min, max float64        // numbers, ends included; of a list only min: how many items
	unique   bool           // list
	item     *shape         // list, table, workload
	fields   []field        // object
	oneOf    []string       // object: exactly one of these fields is given
	check    func(string) error
}

// field is one field of an object. A def stands in for a field that is not given; that of an object is
// map[string]any{}: its own fields' defaults.
type field struct {
	name, doc string
	required  bool
	def       any
	shape     *shape
}

func need(name string, s *shape, doc string) field {
	return field{name: name, doc: doc, required: true, shape: s}
}

func may(name string, s *shape, doc string) field {
	return field{name: name, doc: doc, shape: s}
}

func def(name string, s *shape, value any, doc string) field {
	return field{name: name, doc: doc, def: value, shape: s}
}

func obj(fields ...field) *shape { return &shape{kind: object, want: "a mapping", fields: fields} }

func listOf(item *shape, least int, unique bool) *shape {
	return &shape{kind: list, want: "a list", item: item, min: float64(least), unique: unique}
}

func matching(pattern, want string, check func(string) error) *shape {
	return &shape{kind: text, want: want, pattern: regexp.MustCompile(pattern), check: check}
}

func oneOfWords(words ...string) *shape {
	return &shape{kind: text, want: strings.Join(words, " or "), enum: words}
}

func intFrom(least, most int) *shape {
	return &shape{
		kind: integer, want: fmt.Sprintf("a whole number from %d to %d", least, most),
		min: float64(least), max: float64(most),
	}
}

// duration is between least and most, ends included. The bounds are no part of the schema: it cannot count in hours.
func duration(least, most time.Duration) *shape {
	words := fmt.Sprintf("from %s to %s", Duration(least), Duration(most))
	return matching(`^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h))+$`, "a duration such as 90s or 2m, "+words, func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < least || d > most {
			return fmt.Errorf("%s is not %s", s, words)
		}
		return nil
	})
}

// defaults is the object that stands for one of which no field is given.
func (s *shape) defaults() map[string]any {
	values := map[string]any{}
	s.fill(values)
	return values
}

// fill adds the defaults of the fields that values lacks.
func (s *shape) fill(values map[string]any) {
	for _, f := range s.fields {
		if _, given := values[f.name]; given || f.def == nil {
			continue
		}
		if f.shape.kind == object {
			values[f.name] = f.shape.defaults()
			continue
		}
		values[f.name] = f.def
	}
}

func (s *shape) field(name string) (field, bool) {
	for _, f := range s.fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}
