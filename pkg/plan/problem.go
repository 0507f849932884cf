package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Problem is one mistake in a plan. Line and Col count from 1.
type Problem struct {
	File      string
	Line, Col int
	Message   string

	class class
}

// class says who can see a mistake: a schema knows nothing of how YAML is written, nor of how two fields relate.
type class int

const (
	syntax     class = iota // the YAML itself
	structural              // a field, a type, a pattern: the schema says no as well
	relational              // needs arithmetic, or a second field
)

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Message)
}

// Errors is everything that is wrong with a plan, in the order of the file. It is never empty.
type Errors struct{ Problems []Problem }

func (e *Errors) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.Compact(problems)
}

// oneLine keeps a foreign key with line breaks in it from looking like a message of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}
