package rehearse

import (
	"bytes"
	"regexp"
	"strings"
)

// Line is one line of the tool's narration: "06:08:18Z [ 4/37] done     copy Service shop/web to new: as wanted".
type Line struct {
	Word  string // what happened: "doing", "done", "there", "undoing", "undone", "waiting" …
	Title string // of the step, gate, group or phase
	Rest  string // what was seen, after the title
}

var narrated = regexp.MustCompile(`^\d\d:\d\d:\d\dZ (?:\[ *\d+/\d+\] )?(so far|[A-Za-z]+) +(.*)$`)

// LineOf reads one line. False: it is no line of the narration, or one of those that follow another with its error.
func LineOf(text string) (Line, bool) {
	m := narrated.FindStringSubmatch(strings.TrimRight(text, "\r\n"))
	if m == nil {
		return Line{}, false
	}
	title, rest, _ := strings.Cut(m[2], ": ")
	return Line{Word: m[1], Title: title, Rest: rest}, true
}

// Listen is a writer that hands on every line of the narration as soon as it is complete.
func Listen(hear func(Line)) *Lines {
	return &Lines{Each: func(text []byte) {
		if line, ok := LineOf(string(text)); ok {
			hear(line)
		}
	}}
}

// Lines is a writer that hands on every line as soon as it is complete, without its end. The bytes are the callee's only
// until it returns.
type Lines struct {
	Each func([]byte)
	rest []byte // of an unfinished line
}

func (l *Lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ended := bytes.Cut(l.rest, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		l.rest = rest
		l.Each(line)
	}
}
