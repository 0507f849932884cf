package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"cutover.dev/cutover/pkg/fault"
)

// maxSize is far more than any plan: 5,000 workloads are about 400 KB.
const maxSize = 4 << 20

const hint = "docs/plan.md explains every field; `cutover schema` prints the JSON schema for your editor"

// Load reads the plan in a file. Its errors are those of Decode, and fault.Usage where the file cannot be read.
func Load(path string) (*Plan, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Decode(path, data)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, "name a plan that exists", fmt.Errorf("read the plan: %w", err))
	}
	defer func() { _ = f.Close() }() // read only: there is nothing to lose
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fault.Wrap(fault.Usage, "name a plan that can be read", fmt.Errorf("read the plan: %w", err))
	}
	return data, nil
}

// Decode reads a plan: strictly, with its defaults filled in, and valid as far as that can be told without a cluster.
// The error is a fault.Usage around *Errors with all that is wrong; path only stands in its messages and in Plan.Path.
func Decode(path string, data []byte) (*Plan, error) {
	return judged(decode(path, data))
}

func judged(p *Plan, problems []Problem) (*Plan, error) {
	if len(problems) > 0 {
		return nil, fault.Wrap(fault.Usage, hint, &Errors{Problems: sorted(problems)})
	}
	return p, nil
}

// decode asks more, too, if there is any, what is wrong.
func decode(path string, data []byte, more ...func(*Plan, reporter)) (*Plan, []Problem) {
	doc, problem := document(path, data)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	w := &walk{file: path, at: map[string]*yaml.Node{}, refused: map[*yaml.Node]bool{}, merges: map[*yaml.Node]bool{}}
	w.form(doc)
	tree, _ := w.value("", doc, root)
	// What is wrong is left out of the tree; the rest is judged all the same, so that every mistake is told at once.
	p := &Plan{Path: path}
	raw, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(raw, p)
	}
	if err != nil { // the shapes and the types disagree: a bug, and never a reason to go on
		w.report(syntax, doc, "read the plan: %v", err)
		return nil, w.problems
	}
	if p.Spec.Bridge.Echo.Namespace == "" {
		p.Spec.Bridge.Echo.Namespace = p.Spec.State.Namespace
	}
	for _, check := range append(more, relations) {
		check(p, w.reportAt)
	}
	return p, w.problems
}

// document returns the only YAML document of data.
func document(path string, data []byte) (*yaml.Node, *Problem) {
	at := func(line, col int, message string) (*yaml.Node, *Problem) {
		return nil, &Problem{File: path, Line: line, Col: col, Message: oneLine(message)}
	}
	if len(data) > maxSize {
		return at(1, 1, fmt.Sprintf("a plan has at most %d bytes", maxSize))
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return at(1, 1, "the file is empty")
	case err != nil:
		line, message := parserError(err)
		return at(line, 1, message)
	}
	if len(doc.Content) != 1 {
		return at(1, 1, "the file is empty")
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return at(max(second.Line, 1), max(second.Column, 1), "a second document: a file holds one plan")
	case !errors.Is(err, io.EOF):
		line, message := parserError(err)
		return at(line, 1, message)
	}
	return doc.Content[0], nil
}

var parserLine = regexp.MustCompile(`^yaml: line (\d+): `)

// parserError takes the line out of a parser's message. The library tells it in no other way.
func parserError(err error) (line int, message string) {
	text := err.Error()
	m := parserLine.FindStringSubmatch(text)
	if m == nil {
		return 1, "not YAML: " + strings.TrimPrefix(text, "yaml: ")
	}
	message = strings.TrimPrefix(text, m[0])
	if line, err = strconv.Atoi(m[1]); err != nil || line < 1 {
		line = 1
	} else if parserCounts.MatchString(message) {
		line++
	}
	return line, "not YAML: " + message
}

// parserCounts are the messages of the library's parser. It counts lines from 0, unlike the scanner below it.
var parserCounts = regexp.MustCompile(`^did not find expected (key|node content|'-' indicator|',' or '[]}]'|<document start>)$`)
