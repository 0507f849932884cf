// Package runnertest reads what an action wrote the way the runner of GitHub Actions does, unkind details included: lines
// that end at a carriage return, both generations of commands, comparisons that overlook invisible characters, size limits.
// It is for tests only.
package runnertest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// ErrFile says that the runner would fail the step because of a command file.
var ErrFile = errors.New("the runner refuses the file")

// ParseFile reads a file of outputs, state or environment: k=v, or k<<D, lines, D. A later value wins.
func ParseFile(text string) (map[string]string, error) {
	out := map[string]string{}
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		if line == "" {
			continue
		}
		eq, doc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case eq >= 0 && (doc < 0 || eq < doc):
			if eq == 0 {
				return nil, fmt.Errorf("%w: no name in %q", ErrFile, line)
			}
			out[line[:eq]] = line[eq+1:]
		case doc > 0 && doc+2 < len(line):
			value, after, err := heredoc(text, line[doc+2:])
			if err != nil {
				return nil, err
			}
			out[line[:doc]], text = value, after
		default:
			return nil, fmt.Errorf("%w: invalid format %q", ErrFile, line)
		}
	}
	return out, nil
}

func heredoc(text, end string) (value, rest string, err error) {
	var lines []string
	for text != "" {
		line, after, newline := strings.Cut(text, "\n")
		if line == end {
			return strings.Join(lines, "\n"), after, nil
		}
		if !newline {
			return "", "", fmt.Errorf("%w: EOF marker missing new line", ErrFile)
		}
		lines, text = append(lines, line), after
	}
	return "", "", fmt.Errorf("%w: matching delimiter %q not found", ErrFile, end)
}

// Command is one command that the runner obeys.
type Command struct {
	Name    string
	Props   map[string]string
	Message string
}

var registered = map[string]bool{}

func init() {
	for _, n := range strings.Fields(`internal-set-repo-path set-env set-output save-state add-path add-mask add-matcher
		remove-matcher warning error notice debug group endgroup echo stop-commands`) {
		registered[n] = true
	}
}

// Parse splits what an action printed into the commands that the runner obeys and the lines that it only shows, in order.
func Parse(stdout string) (commands []Command, shown []string) {
	token := ""
	for _, line := range Lines(stdout) {
		c, ok := parseV2(line, token)
		if !ok {
			c, ok = parseV1(line, token)
		}
		switch {
		case !ok:
			shown = append(shown, line)
		case token != "" && strings.EqualFold(c.Name, token):
			token = ""
		case token != "":
			shown = append(shown, line)
		case c.Name == "stop-commands":
			token = c.Message
		default:
			commands = append(commands, c)
		}
	}
	return commands, shown
}

// Lines splits as .NET's ReadLine does: at \n, \r\n and a lone \r.
func Lines(text string) []string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// seen drops what a comparison by the rules of a language overlooks.
func seen(s string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && unicode.In(c, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return c
	}, s)
}

func known(name, token string) bool {
	return registered[strings.ToLower(name)] || token != "" && strings.EqualFold(name, token)
}

func parseV2(line, token string) (Command, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(seen(line)), "::")
	info, message, found := strings.Cut(rest, "::")
	name, props, _ := strings.Cut(info, " ")
	if !ok || !found || !known(name, token) {
		return Command{}, false
	}
	return command(name, props, ",", message, "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%"), true
}

func parseV1(line, token string) (Command, bool) {
	_, rest, ok := strings.Cut(seen(line), "##[")
	info, message, found := strings.Cut(rest, "]")
	name, props, _ := strings.Cut(info, " ")
	if !ok || !found || !known(name, token) {
		return Command{}, false
	}
	return command(name, props, ";", message, "%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%25", "%"), true
}

func command(name, props, sep, message string, escapes ...string) Command {
	unescape := func(s string) string {
		for i := 0; i < len(escapes); i += 2 {
			s = strings.ReplaceAll(s, escapes[i], escapes[i+1])
		}
		return s
	}
	c := Command{Name: strings.ToLower(name), Props: map[string]string{}, Message: unescape(message)}
	for _, p := range strings.Split(props, sep) {
		if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok && v != "" {
			c.Props[k] = unescape(v)
		}
	}
	return c
}

// Step is a step of a job: the environment that the runner gives it, with its files.
type Step struct {
	t   *testing.T
	Env map[string]string
}

// NewStep makes the files of a step in a folder of its own.
func NewStep(t *testing.T) *Step {
	t.Helper()
	s := &Step{t: t, Env: map[string]string{"GITHUB_ACTIONS": "true"}}
	dir := t.TempDir()
	for _, n := range []string{"GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "GITHUB_ENV"} {
		s.Env[n] = filepath.Join(dir, strings.ToLower(n))
		if err := os.WriteFile(s.Env[n], nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Getenv is os.Getenv of the step.
func (s *Step) Getenv(name string) string { return s.Env[name] }

// Outputs are the outputs of the step; it fails the test where the runner would fail the step.
func (s *Step) Outputs() map[string]string { return s.parse("GITHUB_OUTPUT") }

// State is what the post-entrypoint finds as STATE_ variables.
func (s *Step) State() map[string]string { return s.parse("GITHUB_STATE") }

// Summary is what people see: nothing when it is too large.
func (s *Step) Summary() string {
	text := s.read("GITHUB_STEP_SUMMARY")
	if len(text) > 1<<20 {
		return ""
	}
	return text
}

func (s *Step) parse(name string) map[string]string {
	s.t.Helper()
	out, err := ParseFile(s.read(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *Step) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(s.Env[name])
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}
