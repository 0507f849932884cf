package ghaction

import (
	"fmt"
	"strings"
)

// Group opens a folded part of the log; there is one level only. Calling close ends it.
func (r *Runner) Group(title string) (close func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.command("group", neutral(title), nil)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		_ = r.command("endgroup", "", nil)
	}
}

// Level is how bad an annotation is.
type Level string

// The levels.
const (
	Notice  Level = "notice"
	Warning Level = "warning"
	Error   Level = "error"
)

// Annotate puts a message at a place of a file, or with an empty file at the run. The runner shows ten of each level
// and cuts messages at 4096 characters; the eleventh and later ones are plain lines of the log.
func (r *Runner) Annotate(level Level, file string, line, col int, msg string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.annotated[string(level)]++; r.annotated[string(level)] > perLevel {
		_ = guard("write log", func() {
			r.stop()
			fmt.Fprintf(r.stdout, "%s: %s\n", level, neutral(place(file, line, col)+msg))
		})
		return
	}
	props := map[string]string{}
	if file != "" {
		props["file"] = file
		if line > 0 {
			props["line"] = fmt.Sprint(line)
		}
		if col > 0 {
			props["col"] = fmt.Sprint(col)
		}
	}
	if runes := []rune(msg); len(runes) > maxAnnotation {
		msg = string(runes[:maxAnnotation-1]) + "…"
	}
	_ = r.command(string(level), msg, props)
}

func place(file string, line, col int) string {
	if file == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(file)
	for _, n := range []int{line, col} {
		if n > 0 {
			fmt.Fprintf(&b, ":%d", n)
		}
	}
	return b.String() + ": "
}
