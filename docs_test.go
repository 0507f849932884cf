package cutover_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/troubleshooting.md is read when something is wrong, so it may not rot: every exit code, every kind of step and
// every no that the code can give has to be in it, and what it quotes has to be in the code.
func TestTroubleshootingKnowsEveryNo(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	said := sayings(t)
	if len(said.codes) < 10 || len(said.steps) < 20 || len(said.nos) < 40 {
		t.Fatalf("the reader of the source finds too little: %d exit codes, %d steps, %d nos", len(said.codes), len(said.steps), len(said.nos))
	}
	for _, code := range said.codes {
		if !strings.Contains(doc, "\n## "+code+" ") {
			t.Errorf("exit code %s has no section", code)
		}
	}
	for _, id := range said.steps {
		if !strings.Contains(doc, "`"+id) {
			t.Errorf("step %q is not explained", id)
		}
	}
	rows := rowsOf(doc)
	for _, no := range said.nos {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.do != "" && r.quotes(no.text) }) {
			t.Errorf("%s: no row of a table explains this no: %q", no.at, no.text)
		}
	}
	for _, r := range rows {
		for _, part := range r.parts() {
			if !slices.ContainsFunc(said.all, func(s string) bool { return strings.Contains(s, part) }) {
				t.Errorf("nothing in the code says %q", part)
			}
		}
	}
}

// row is one of a table: what is said, or the step that says it, and what to do.
type row struct{ says, do string }

// parts are what a row quotes, without what differs each time.
func (r row) parts() []string {
	var parts []string
	for _, quote := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(r.says, -1) {
		for _, part := range strings.Split(quote[1], "…") {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// quotes: the row has the whole of what is said, or so much of it that it is meant.
func (r row) quotes(text string) bool {
	return strings.Contains(r.says, text) || slices.ContainsFunc(r.parts(), func(part string) bool {
		part = strings.Trim(part, " ,;:()")
		return len(part) >= 24 && strings.Contains(text, part)
	})
}

// rowsOf reads the tables of the page.
func rowsOf(doc string) []row {
	var rows []row
	for line := range strings.Lines(doc) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) > 3 && strings.Contains(cells[1], "`") {
			rows = append(rows, row{cells[1], strings.TrimSpace(cells[len(cells)-2])})
		}
	}
	return rows
}
