package runnertest

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printed is a step that printed this.
func printed(t *testing.T, stdout string) *Step {
	t.Helper()
	s := NewStep(t)
	s.prints(stdout)
	return s
}

func (s *Step) prints(stdout string) {
	s.Do(func(_ func(string) string, out, _ io.Writer) int {
		for _, piece := range strings.SplitAfter(stdout, "") { // as pipes may cut it
			fmt.Fprint(out, piece)
		}
		return 0
	})
}

// The statements are those of the runner's source: TryParseV2 trims blanks and wants "::" first, TryParse takes "##[" anywhere.
func TestCommandsAreFoundAsTheRunnerFindsThem(t *testing.T) {
	for text, want := range map[string][]string{
		"::notice::a":                            {"notice a"},
		" \t::notice::a":                         {"notice a"},
		"x ::notice::a":                          nil,
		"x ##[notice]a":                          {"notice a"},
		"##[notice file=a;line=1]b%3Bc%5D":       {"notice file=a line=1 b;c]"},
		"::notice file=a%2Cb,line=1::b%0Ac%25":   {"notice file=a,b line=1 b\nc%"},
		"::unknown::a":                           nil,
		"::NOTICE::a":                            {"notice a"},
		"::notice::a\r::notice::b\r\n::error::c": {"notice a", "notice b", "error c"},
		"::stop-commands::t1\n::notice::a\n##[notice]b\n::t1::\n::notice::c": {"notice c"},
		"::stop-commands::t1\n::t2::\n::notice::a":                           nil,
		"#\u200b#[notice]a": {"notice a"},
	} {
		var got []string
		for _, c := range printed(t, text+"\n").Commands() {
			words := []string{c.Name}
			for _, p := range []string{"file", "line"} {
				if c.Props[p] != "" {
					words = append(words, p+"="+c.Props[p])
				}
			}
			got = append(got, strings.Join(append(words, c.Message), " "))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestALineEndsAsTheRunnerEndsIt(t *testing.T) {
	if got := printed(t, "a\r\nb\rc\n\nd").Log(); got != "a\nb\nc\n\nd\n" {
		t.Errorf("%q", got)
	}
}

func TestACommandThatTheRunnerRefusesFailsTheStep(t *testing.T) {
	for text, want := range map[string]bool{
		"::set-env name=A::b": true, "::add-path::/x": true, "::stop-commands::": true, "::stop-commands::notice": true,
		"::stop-commands::pause-logging": true, "::stop-commands::t1": false, "::set-output name=a::b": false, "::notice::a": false,
	} {
		if s := printed(t, text+"\n"); s.Refused() != want || want != (len(s.Annotations()) > 0 && s.Annotations()[0].Level == "error") {
			t.Errorf("%s: refused %v, want %v; %v", text, s.Refused(), want, s.Annotations())
		}
	}
}

func TestTheCommandsOfOldStillSetOutputsAndState(t *testing.T) {
	s := printed(t, "::set-output name=result::pwned\n::save-state name=finished::true\n")
	if s.Outputs()["result"] != "pwned" || s.State()["finished"] != "true" {
		t.Errorf("outputs %v, state %v", s.Outputs(), s.State())
	}
}

// Masks are registered whole and line by line, with no shortest length, and in the encodings that the runner knows.
func TestWhatIsMaskedIsNotShown(t *testing.T) {
	s := NewStep(t).Secret("apiVersion: v1\n  token: abc\n", "x")
	s.prints("before s3cr3t\n::add-mask::s3cr3t\nafter s3cr3t!\n::add-mask::one%0Atwo\n::error::a two b\ntwoone s3cr3ts3cr3t\n" +
		"apiVersion: v1 token: abc box\n" + base64.StdEncoding.EncodeToString([]byte("s3cr3t")) + " " +
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("!s3cr3t!")), "=") + " " + base64.StdEncoding.EncodeToString([]byte("!s3cr3t")) + "\n::stop-commands::0123456789\n0123456789\n")
	want := "before s3cr3t\nafter ***!\n##[error]a *** b\n*** ***\n*** *** bo***\n*** " + strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("!s3cr3t!")), "=") +
		" IXMz***\n::stop-commands::***\n***\n"
	if diff := cmp.Diff(want, s.Log()); diff != "" {
		t.Error(diff)
	}
	if got := s.Printed(); !strings.HasPrefix(got, "before s3cr3t\nafter s3cr3t!\ntwoone ") || strings.Contains(got, "add-mask") {
		t.Errorf("it printed %q", got)
	}
	q := NewStep(t).Secret(`a"b<c'd &`)
	q.prints(`a\"b<c'd & a"b&lt;c&apos;d a&quot;b&lt;c&apos;d &amp; a%22b%3Cc%27d%20%26 a"b<c''d &` + "\n")
	if got := q.Log(); got != "*** a\"b&lt;c&apos;d *** *** ***\n" {
		t.Errorf("%q", got)
	}
	if got := printed(t, "::add-mask:: \n").Annotations(); len(got) != 1 || !strings.HasPrefix(got[0].Message, "Can't add secret mask") {
		t.Errorf("%v", got)
	}
}

func TestTenAnnotationsOfEachLevelAreKeptAndCut(t *testing.T) {
	var text strings.Builder
	for _, level := range []string{"error", "warning", "notice"} {
		for i := range 12 {
			fmt.Fprintf(&text, "::%s::%d %s\n", level, i, strings.Repeat("ä", 5000))
		}
	}
	got := printed(t, text.String()).Annotations()
	if len(got) != 30 || got[9].Level != "error" || !strings.HasPrefix(got[9].Message, "9 ") || len([]rune(got[9].Message)) != 4096 {
		t.Errorf("%d annotations, the tenth of %d characters", len(got), len([]rune(got[9].Message)))
	}
}
