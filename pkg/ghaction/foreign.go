package ghaction

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Foreign returns a writer for text that is not ours alone: names from clusters, messages of servers, output of plans.
// No line of it is a command. A nil w is the runner's stdout; there commands are also stopped by a token as long as text
// is written. Whole lines are passed on at once; what has no line end yet waits for it, or for Flush.
func (r *Runner) Foreign(w io.Writer) *Lines {
	return &Lines{runner: r, out: w}
}

// Lines is a writer whose lines cannot issue commands.
type Lines struct {
	runner *Runner
	out    io.Writer // nil: the runner's stdout
	rest   []byte    // an unfinished line; guarded by the runner's mutex
}

// Write neutralises p line by line. It never reports a short write.
func (l *Lines) Write(p []byte) (int, error) {
	l.runner.mu.Lock()
	defer l.runner.mu.Unlock()
	l.rest = append(l.rest, p...)
	var out strings.Builder
	for {
		// The runner ends a line at a lone carriage return too.
		i := bytes.IndexAny(l.rest, "\r\n")
		if i < 0 {
			break
		}
		end := i + 1
		if l.rest[i] == '\r' {
			if end == len(l.rest) {
				break // the line feed may be in the next write
			}
			if l.rest[end] == '\n' {
				end++
			}
		}
		out.WriteString(neutral(string(l.rest[:i])) + "\n")
		l.rest = l.rest[end:]
	}
	return len(p), l.print(out.String())
}

// Flush passes an unfinished line on.
func (l *Lines) Flush() error {
	l.runner.mu.Lock()
	defer l.runner.mu.Unlock()
	if len(l.rest) == 0 {
		return nil
	}
	line := neutral(strings.TrimRight(string(l.rest), "\r")) + "\n"
	l.rest = nil
	return l.print(line)
}

func (l *Lines) print(text string) error {
	if text == "" {
		return nil
	}
	out := l.out
	if out == nil {
		out = l.runner.stdout
	}
	if l.out == nil {
		if err := guard("write log", l.runner.stop); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// neutral makes a text one line that no parser of the runner takes for a command: neither "::name::" at its start, after
// any blanks, nor "##[name]" anywhere. Characters that do not show are dropped first, because the runner compares text by
// the rules of a language, in which they count for nothing: "#\u200b#[error]" is "##[error]" to it.
func neutral(line string) string {
	line = strings.Map(func(c rune) rune {
		switch {
		case c == '\t':
			return c
		case c == '\n', c == '\r', c == utf8.RuneError:
			return ' '
		case unicode.In(c, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return -1
		}
		return c
	}, line)
	line = strings.ReplaceAll(line, "##[", "# #[")
	if strings.HasPrefix(strings.TrimSpace(line), ":") {
		line = "| " + line
	}
	return line
}
