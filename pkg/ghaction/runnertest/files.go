package runnertest

import (
	"errors"
	"fmt"
	"strings"
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
