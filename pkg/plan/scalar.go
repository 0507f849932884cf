package plan

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar returns the value of a scalar: a string, an int64, a float64 or a bool.
func (w *walk) scalar(path string, n *yaml.Node, s *shape) (any, bool) {
	switch {
	case s.kind == text && n.Tag == "!!str" && plain(n) && ambiguous.MatchString(n.Value):
		w.report(syntax, n, "%s is %s without quotes, which some readers of YAML take for %s; write \"%[2]s\"", path, clip(n.Value), mistaken(n.Value))
		return nil, false
	case s.kind == text && (n.Tag == "!!str" || n.Tag == "!!timestamp"): // a date is text, here
		return w.text(path, n, s)
	case (s.kind == integer || s.kind == number) && (n.Tag == "!!int" || n.Tag == "!!float") && !decimal.MatchString(n.Value):
		w.report(syntax, n, "%s is %s, which readers of YAML disagree about; write it in plain digits", path, clip(n.Value))
		return nil, false
	case s.kind == boolean && n.Tag == "!!bool":
		var v bool
		if err := n.Decode(&v); err == nil {
			return v, true
		}
	case s.kind == integer || s.kind == number:
		if v, ok := numeric(n); ok && v >= s.min && v <= s.max {
			if s.kind == number {
				return v, true
			}
			if v == math.Trunc(v) {
				return int64(v), true
			}
		}
	}
	w.wrong(path, n, s)
	return nil, false
}

// Readers of YAML 1.1 and 1.2 differ in what these are: a namespace no is false to some, and 010 is 10 or 8. A plan has
// one meaning for every tool and every reviewer.
var (
	ambiguous = regexp.MustCompile(`^(?i:y|yes|n|no|on|off)$` +
		`|^[-+]?(0[xX][0-9A-Fa-f_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?)$`)
	decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
)

// mistaken says what an ambiguous word is to others.
func mistaken(word string) string {
	if strings.ContainsAny(word, "0123456789") {
		return "a number"
	}
	return "true or false"
}

// plain says whether a scalar has no quotes and is no block.
func plain(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

func (w *walk) text(path string, n *yaml.Node, s *shape) (any, bool) {
	if !s.allows(n.Value) {
		w.wrong(path, n, s)
		return nil, false
	}
	if s.check != nil {
		if err := s.check(n.Value); err != nil {
			w.report(relational, n, "%s: %v", path, err)
			return nil, false
		}
	}
	return n.Value, true
}

// allows says whether a schema would let the text pass.
func (s *shape) allows(value string) bool {
	return (s.enum == nil || slices.Contains(s.enum, value)) && (s.pattern == nil || s.pattern.MatchString(value))
}

func (w *walk) wrong(path string, n *yaml.Node, s *shape) {
	if path == "" {
		path = "the plan"
	}
	w.report(structural, n, "%s is %s, must be %s", path, describe(n, s), s.want)
}

// describe says what stands there, and why something that looks like text is none.
func describe(n *yaml.Node, s *shape) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "empty"
	case n.Tag == "!!str" && s.kind != text && s.kind != workload:
		return "the text " + strconv.Quote(clip(n.Value))
	case n.Tag == "!!str" || n.Tag == "!!timestamp":
		return strconv.Quote(clip(n.Value))
	case s.kind == text && s.allows(n.Value):
		return fmt.Sprintf("%s (no text to YAML; quotes make it one)", clip(n.Value))
	}
	return clip(n.Value)
}

// numeric returns the value of a number.
func numeric(n *yaml.Node) (float64, bool) {
	if n.Tag != "!!int" && n.Tag != "!!float" {
		return 0, false
	}
	var v float64
	if err := n.Decode(&v); err != nil {
		return 0, false
	}
	return v, true
}

// clip keeps a foreign text from filling an error.
func clip(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// distance is how many letters must be changed, added or removed to get from a to b.
func distance(a, b string) int {
	a, b = clip(a), clip(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
