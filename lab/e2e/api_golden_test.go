package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/rehearse"
)

// sees holds all that a run says at its end against testdata/api/<name>.golden.
func (r *rig) sees(t *testing.T, name string, got rehearse.Result) {
	t.Helper()
	r.held(t, "api/"+name, got, func(string) bool { return true })
}

// ends is sees for a run whose lanes were at work: how far they came and which of them met the fault first is chance, so
// the file has only the hints, the verdict and how to go on. Each of the texts has to be in the errors.
func (r *rig) ends(t *testing.T, name string, got rehearse.Result, errors ...string) {
	t.Helper()
	for _, text := range errors {
		if !strings.Contains(string(got.Stderr), text) {
			t.Errorf("%s: it does not say %q:\n%s", name, text, got.Stderr)
		}
	}
	r.held(t, name, got, func(line string) bool {
		chance := strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "  hint:") || line == "\n"
		for _, word := range []string{"cutover: error:", "cutover: warning:", "not done:", "done:"} {
			chance = chance || strings.HasPrefix(line, word)
		}
		return !chance
	})
}

// held holds what a run said at its end, without its narration.
func (r *rig) held(t *testing.T, name string, got rehearse.Result, keep func(line string) bool) {
	t.Helper()
	golden(t, name, lastWords(got, r.tool.Dir, keep))
	if t.Failed() {
		t.Logf("all of it:\n%s", got.Stderr)
	}
}

// lastWords is what a run says beside its narration, without what differs each time.
func lastWords(got rehearse.Result, root string, keep func(line string) bool) string {
	var b strings.Builder
	var list []string // lanes run side by side, so the order within a list is chance
	flush := func() {
		slices.Sort(list)
		b.WriteString(strings.Join(list, ""))
		list = nil
	}
	for line := range strings.Lines(shown(got, root)) {
		switch {
		case strings.HasPrefix(line, "TIME ") || !keep(line):
		case strings.HasPrefix(line, "  "):
			list = append(list, line)
		default:
			flush()
			b.WriteString(line)
		}
	}
	flush()
	return counted.ReplaceAllString(b.String(), "; N of M steps $1")
}

// counted is chance for a run that was struck while its lanes were at work.
var counted = regexp.MustCompile(`; \d+ of \d+ steps (done|taken back)`)

func TestLastWordsDifferOnlyInWhatCounts(t *testing.T) {
	of := func(port, took, hint string) string {
		return lastWords(rehearse.Result{Args: []string{"apply"}, Code: 7, Stderr: []byte("06:08:18Z [ 4/37] doing    copy Service shop/web to new\n" +
			"cutover: error: dial tcp 127.0.0.1:" + port + ": refused\ncutover: hint: " + hint + "\n\napply: unsure; 3 of 7 steps done; " + took + "s\n")}, "/x",
			func(line string) bool { return line != "\n" })
	}
	want := "$ cutover apply\ncutover: error: dial tcp ADDRESS: refused\ncutover: hint: wait\napply: unsure; N of M steps done; SECONDS\n--- exit code 7\n"
	if a, b := of("1234", "3.2", "wait"), of("4321", "12", "wait"); a != want || b != want {
		t.Errorf("they are\n%s\nand\n%s\nwant\n%s", a, b, want)
	}
	if of("1234", "3.2", "run") == want {
		t.Error("another hint looks the same")
	}
	list := func(text string) string {
		return lastWords(rehearse.Result{Stderr: []byte(text)}, "/x", func(string) bool { return true })
	}
	if list("not done:\n  b\n  a\ndone:\n  c\n") != list("not done:\n  a\n  b\ndone:\n  c\n") || list("a:\n  b\nc:\n") == list("a:\nc:\n  b\n") {
		t.Error("the order in a list counts, or the list does not")
	}
}
