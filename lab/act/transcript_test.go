package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNoLogShowsASecretAndEachJobHasOne(t *testing.T) {
	dir := t.TempDir()
	tr := newTranscript(dir, []string{secret})
	for _, line := range []string{
		`{"level":"info","msg":"before any job"}`,
		`not JSON at all`,
		`{"job":"proxy/lab-phase/run","stage":"Main","stepID":["plan"],"step":"./","msg":"token ` + secret + `\n"}`,
		`{"job":"routes/lab-phase/run","jobResult":"success","msg":"done"}`,
	} {
		if _, err := tr.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"00-act.log": "before any job\nnot JSON at all\n", "01-proxy.log": "token ***\n", "02-routes.log": "done\n",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
	if !slices.Equal(tr.leaks, []string{"job proxy, step plan"}) {
		t.Errorf("leaks are %q", tr.leaks)
	}
	if tr.jobs[2].Result != "success" {
		t.Errorf("the second job ended as %q", tr.jobs[2].Result)
	}
}

func TestEveryLineOfACredentialIsHidden(t *testing.T) {
	got := credentials("", "-----BEGIN KEY-----\nMIIabc\ndef\n-----END KEY-----\n")
	for _, want := range []string{"MIIabc", "def"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	if slices.ContainsFunc(got, func(s string) bool { return s == "" || strings.HasPrefix(s, "-----") }) {
		t.Errorf("%q would hide what every log has", got)
	}
}

func TestATableEndsWhereItEnds(t *testing.T) {
	text := "### x\n\n" + servedHeader + "\n|---|---|---|---|\n| a | / | b | old |\n| c | /x | d | new; sent on |\n\n| other | table |\n"
	if rows := table(text, servedHeader); len(rows) != 2 || !slices.Equal(rows[1], []string{"c", "/x", "d", "new; sent on"}) {
		t.Errorf("rows are %q", rows)
	}
	if by, of := moved(text); by != 1 || of != 2 {
		t.Errorf("%d of %d", by, of)
	}
	if rows := table(text, stepsHeader); rows != nil {
		t.Errorf("a table that is not there has the rows %q", rows)
	}
}
