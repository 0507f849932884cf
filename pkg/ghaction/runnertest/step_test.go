package runnertest

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (s *Step) wrote(t *testing.T, name, text string) *Step {
	t.Helper()
	if err := os.WriteFile(s.Env[name], []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFilesAreReadAsTheRunnerReadsThem(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"a=b=c\n\nd=\n":          {"a": "b=c", "d": ""},
		"a=b":                    {"a": "b"},
		"a<<E\nx\n\ny\nE\nb=c\n": {"a": "x\n\ny", "b": "c"},
		"a<<E\nE\n":              {"a": ""},
		"a<<E\nx\r\nE\n":         {"a": "x\r"},
		"a=1\na=2\n":             {"a": "2"},
		"a<<E\nb=c\nE \nE\n":     {"a": "b=c\nE "},
		"a<<E\nx":                nil, // EOF marker missing new line
		"a<<E\nx\n":              nil, // no delimiter
		"a\n":                    nil,
		"a<<\nx\n\n":             nil,
		"<<E\nx\nE\n":            nil,
	} {
		got, err := ParseFile(text)
		if diff := cmp.Diff(want, got); diff != "" || errors.Is(err, ErrFile) != (want == nil) {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
}

// Every declared input is there, with its default; `required` is enforced by nobody.
func TestAStepHasEveryInputThatActionYMLDeclares(t *testing.T) {
	s := NewStep(t).Set("GITHUB_TOKEN", "t0k3n").With("verb", "plan", "expected-digest", "x")
	for name, want := range map[string]string{
		"INPUT_VERB": "plan", "INPUT_OUTPUT": "text", "INPUT_ALLOW-IRREVERSIBLE": "false", "INPUT_OLD-KUBECONFIG": "", "INPUT_PLAN": "",
		"INPUT_GITHUB-TOKEN": "t0k3n", "INPUT_EXPECTED-DIGEST": "x",
	} {
		if got, ok := s.Env[name]; got != want || !ok {
			t.Errorf("%s is %q (%v), want %q", name, got, ok, want)
		}
	}
	if got := s.Annotations(); len(got) != 1 || got[0].Message != "Unexpected input(s) 'expected-digest'" {
		t.Errorf("%v", got)
	}
	if s.prints("t0k3n\n"); !strings.HasSuffix(s.Log(), "\n***\n") {
		t.Errorf("the token is shown: %q", s.Log())
	}
}

func TestAnOutputThatHoldsAMaskReachesNoOtherJob(t *testing.T) {
	s := NewStep(t).Secret("production").wrote(t, "GITHUB_OUTPUT", "approval=production-dns\nresult=done\n")
	outputs, warnings := s.JobOutputs()
	if diff := cmp.Diff(map[string]string{"result": "done"}, outputs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Skip output 'approval' since it may contain secret."}, warnings); diff != "" {
		t.Error(diff)
	}
	if s.Outputs()["approval"] != "production-dns" {
		t.Error("a later step of the job does not see it either")
	}
}

func TestASummaryIsMaskedByLinesAndDroppedWholeBeyondItsLimit(t *testing.T) {
	s := NewStep(t).Secret("first\nsecond").wrote(t, "GITHUB_STEP_SUMMARY", "a first\nfir\nst\nsecond")
	if got := s.Summary(); got != "a ***\nfir\nst\n***\n" {
		t.Errorf("%q", got)
	}
	if s.wrote(t, "GITHUB_STEP_SUMMARY", strings.Repeat("y", 1<<20)); len(s.Summary()) != 1<<20+1 || len(s.Annotations()) != 0 {
		t.Errorf("one of 1 MiB has %d bytes, and %v", len(s.Summary()), s.Annotations())
	}
	s.wrote(t, "GITHUB_STEP_SUMMARY", strings.Repeat("y", 1<<20+1))
	if got := s.Annotations(); s.Summary() != "" || len(got) != 1 || !strings.Contains(got[0].Message, "upload aborted") {
		t.Errorf("a larger one has %d bytes, and %v", len(s.Summary()), got)
	}
}

func TestThePostStepHasTheInputsAndTheStateAndFilesOfItsOwn(t *testing.T) {
	s := NewStep(t).With("plan", "p.yaml").wrote(t, "GITHUB_STATE", "finished=true\n").wrote(t, "GITHUB_OUTPUT", "a=b\n")
	s.prints("::add-mask::s3cr3t\n::stop-commands::t1\n")
	p := s.Post()
	p.Do(func(getenv func(string) string, _, stderr io.Writer) int {
		_, err := io.WriteString(stderr, "::notice::s3cr3t "+getenv("STATE_finished")+getenv("INPUT_PLAN")+"\n")
		if err != nil {
			t.Error(err)
		}
		return 0
	})
	if got := p.Log(); got != "##[notice]*** truep.yaml\n" || len(p.Outputs()) != 0 || s.Env["STATE_finished"] != "" {
		t.Errorf("%q, outputs %v", got, p.Outputs())
	}
}
