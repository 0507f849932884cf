package runnertest

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf16"
)

// Annotation is what GitHub shows beside a file, or at the run.
type Annotation struct {
	Level, Message string
	Props          map[string]string
}

// What GitHub keeps of annotations.
const (
	maxPerLevel   = 10   // of each level, per step
	maxAnnotation = 4096 // of a message, in UTF-16
)

// annotate adds one, as far as GitHub keeps it.
func annotate(kept []Annotation, a Annotation) []Annotation {
	same := 0
	for _, k := range kept {
		if k.Level == a.Level {
			same++
		}
	}
	if units := utf16.Encode([]rune(a.Message)); len(units) > maxAnnotation {
		a.Message = string(utf16.Decode(units[:maxAnnotation]))
	}
	if same < maxPerLevel {
		kept = append(kept, a)
	}
	return kept
}

func tooLarge(size int) Annotation {
	return Annotation{Level: "error", Message: fmt.Sprintf("$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of %dk, got %dk.", maxSummary>>10, size>>10)}
}

// log is what the runner makes of what a step prints, on whichever of its two pipes.
type log struct {
	masks *masks
	debug bool

	mu             sync.Mutex
	parser         parser
	obeyed         []Command
	printed, shown strings.Builder // lines that are no commands, and what people see
	kept           []Annotation
	outputs, state map[string]string // by the commands that are no longer recommended, and still obeyed
	failed         bool              // the step, by a command that is refused
}

func (l *log) text(of *strings.Builder) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return of.String()
}

func (l *log) annotations() []Annotation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Annotation{}, l.kept...)
}

// line takes one line.
func (l *log) line(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, as := l.parser.line(line)
	switch as {
	case plain, resumed:
		l.printed.WriteString(line + "\n")
		l.show(line)
	case stopped:
		if len(c.Message) > 6 { // the token is hidden, too
			l.masks.add(c.Message)
		}
		l.show(line)
	case badToken:
		l.refuse(c, "its token is empty or the name of a command")
	case obeyed:
		l.obeyed = append(l.obeyed, c)
		l.obey(c)
	}
}

func (l *log) obey(c Command) {
	switch c.Name {
	case "add-mask":
		if strings.TrimSpace(c.Message) == "" {
			l.note(Annotation{Level: "warning", Message: "Can't add secret mask for empty string in ##[add-mask] command."})
			return
		}
		l.masks.add(c.Message)
	case "error", "warning", "notice":
		l.note(Annotation{Level: c.Name, Message: c.Message, Props: c.Props})
	case "group", "endgroup":
		l.show("##[" + c.Name + "]" + c.Message)
	case "debug":
		if l.debug {
			l.show("##[debug]" + c.Message)
		}
	case "set-output":
		l.outputs = with(l.outputs, c)
	case "save-state":
		l.state = with(l.state, c)
	case "set-env", "add-path":
		l.refuse(c, "it is disabled")
	}
}

func with(values map[string]string, c Command) map[string]string {
	if values == nil {
		values = map[string]string{}
	}
	values[c.Props["name"]] = c.Message
	return values
}

func (l *log) note(a Annotation) {
	a.Message = l.masks.hide(a.Message)
	l.kept = annotate(l.kept, a)
	l.show("##[" + a.Level + "]" + a.Message)
}

// refuse is a command that fails the step.
func (l *log) refuse(c Command, why string) {
	l.failed = true
	l.note(Annotation{Level: "error", Message: fmt.Sprintf("Unable to process command '%s': %s", c.Name, why)})
}

func (l *log) show(line string) { l.shown.WriteString(l.masks.hide(line) + "\n") }

// pipe makes lines of one of the two pipes.
type pipe struct {
	to   func(line string)
	rest string
}

func (p *pipe) Write(b []byte) (int, error) {
	p.rest += string(b)
	for {
		i := strings.IndexAny(p.rest, "\r\n")
		if i < 0 || i+1 == len(p.rest) && p.rest[i] == '\r' { // the line feed may come with the next write
			return len(b), nil
		}
		line, after := p.rest[:i], p.rest[i+1:]
		if p.rest[i] == '\r' {
			after = strings.TrimPrefix(after, "\n")
		}
		p.rest = after
		p.to(line)
	}
}

// end is the end of the pipe, which ends its last line.
func (p *pipe) end() {
	for _, line := range Lines(p.rest) {
		p.to(line)
	}
	p.rest = ""
}
