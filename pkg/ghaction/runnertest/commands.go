package runnertest

import (
	"strings"
	"unicode"
)

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

// What a line is to the runner.
type kind int

const (
	plain    kind = iota // shown
	obeyed               // a command
	stopped              // from here on no command is
	resumed              // from here on they are again
	badToken             // a stop that fails the step
)

// parser tells what each line of a step is.
type parser struct{ token string }

func (p *parser) line(line string) (Command, kind) {
	c, ok := parseV2(line, p.token)
	if !ok {
		c, ok = parseV1(line, p.token)
	}
	switch {
	case !ok:
		return c, plain
	case p.token != "" && strings.EqualFold(c.Name, p.token):
		p.token = ""
		return c, resumed
	case p.token != "":
		return c, plain
	case c.Name == "stop-commands" && (c.Message == "" || registered[c.Message] || strings.EqualFold(c.Message, "pause-logging")):
		return c, badToken
	case c.Name == "stop-commands":
		p.token = c.Message
		return c, stopped
	}
	return c, obeyed
}

// Parse splits what an action printed into the commands that the runner obeys and the lines that it only shows, in order.
func Parse(stdout string) (commands []Command, shown []string) {
	var p parser
	for _, line := range Lines(stdout) {
		switch c, as := p.line(line); as {
		case obeyed:
			commands = append(commands, c)
		case plain:
			shown = append(shown, line)
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
