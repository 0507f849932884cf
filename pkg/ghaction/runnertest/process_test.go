package runnertest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// The runner sends SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL, and none after the end.
func TestSignalsComeInTheRunnersOrderAndAtItsTimes(t *testing.T) {
	for _, ends := range []time.Duration{time.Second, 8 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			began, ended := time.Now(), make(chan struct{})
			time.AfterFunc(ends, func() { close(ended) })
			var got []string
			last := cancel(func(s syscall.Signal) { got = append(got, time.Since(began).String()+" "+s.String()) }, ended)
			want := []string{"0s interrupt", "7.5s terminated", "10s killed"}[:1]
			switch {
			case ends > 10*time.Second:
				want = want[:3]
			case ends > afterInterrupt:
				want = want[:2]
			}
			if wantLast := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL}[len(want)-1]; !slices.Equal(got, want) || last != wantLast {
				t.Errorf("it ends after %s: %q, last %s", ends, got, last)
			}
		})
	}
}

func TestAProcessHasTheStepsEnvironmentAndBothItsPipesAreRead(t *testing.T) {
	image := t.TempDir()
	script := "#!/bin/sh\ntrap 'echo stopped; exit 130' INT\nenv >env\necho \"plan $INPUT_PLAN, args $*\" >&2\nprintf 'result=done\\n' >>\"$GITHUB_OUTPUT\"\necho ready\nwhile :; do sleep 0.05; done\n"
	if err := os.WriteFile(filepath.Join(image, "cutover"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := NewStep(t).With("plan", "p.yaml")
	s.Dir = t.TempDir()
	p := s.Start(image)
	p.Says("ready")
	if last := p.Cancel(); last != syscall.SIGINT || p.Code() != 130 {
		t.Errorf("last signal %s, code %d\n%s", last, p.Code(), s.Log())
	}
	if log := s.Log(); !slices.Contains(Lines(log), "stopped") || !strings.Contains(log, "plan p.yaml, args action\n") || s.Outputs()["result"] != "done" {
		t.Errorf("outputs %v, log\n%s", s.Outputs(), log)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "env")); err != nil {
		t.Errorf("it did not start in the workspace: %v", err)
	}
}
