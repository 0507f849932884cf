package plan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"cutover.dev/cutover/pkg/fault"
)

// byHand is the hint where a file is written in a way that is not changed here.
const byHand = "change spec.through by hand"

// Move writes another phase into spec.through of the plan in data and changes nothing else: not a comment, not a blank, not
// a quote. to has to be a phase of the plan. What it returns says the same as data but for spec.through, or there is an error.
func Move(path string, data []byte, to string) ([]byte, error) {
	before, err := Decode(path, data)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(before.Phases(), to) {
		return nil, fault.New(fault.Usage, "the phases are "+strings.Join(before.Phases(), ", "), "the plan has no phase %q", to)
	}
	doc, problem := document(path, data)
	if problem != nil {
		return nil, judgedProblem(*problem)
	}
	at := child(child(doc, "spec"), "through")
	if at == nil || at.Kind != yaml.ScalarNode {
		return nil, fault.New(fault.Usage, byHand, "%s does not say spec.through by itself", path)
	}
	from, ok := offset(data, at.Line, at.Column)
	if !ok {
		return nil, unmoved(path, at)
	}
	for _, quote := range []string{"", `"`, "'"} {
		was := quote + before.Spec.Through + quote
		if !bytes.HasPrefix(data[from:], []byte(was)) {
			continue
		}
		moved := slices.Concat(data[:from], []byte(quote+to+quote), data[from+len(was):])
		// Whether that was the right place is not argued, but looked at.
		if after, err := Decode(path, moved); err == nil && after.Spec.Through == to && after.Digest() == before.Digest() {
			return moved, nil
		}
	}
	return nil, unmoved(path, at)
}

func judgedProblem(p Problem) error {
	_, err := judged(nil, []Problem{p})
	return err
}

func unmoved(path string, at *yaml.Node) error {
	return fault.New(fault.Usage, byHand, "%s:%d:%d: spec.through is written in a way that cannot be changed in place", path, at.Line, at.Column)
}

// child is the value of a key in a mapping, nil where there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// offset is where a line and a column, as the YAML library counts them, are in data.
func offset(data []byte, line, col int) (int, bool) {
	at := 0
	for range line - 1 {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 {
			return 0, false
		}
		at += i + 1
	}
	for i := range string(data[at:]) { // a column is a character
		if col--; col == 0 {
			return at + i, true
		}
	}
	return 0, false
}

// Following returns the phase after spec.through; false = there is none.
func (p *Plan) Following() (string, bool) {
	names := p.Phases()
	i := slices.Index(names, p.Spec.Through)
	if i < 0 || i+1 >= len(names) {
		return "", false
	}
	return names[i+1], true
}

// Moved says in a line what Move does, for a commit or the title of a pull request.
func (p *Plan) Moved(to string) string { return fmt.Sprintf("Move %s on to %s", p.Metadata.Name, to) }
