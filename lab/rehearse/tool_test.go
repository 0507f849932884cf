package rehearse

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"cutover.dev/cutover/lab/proc"
	"cutover.dev/cutover/lab/world"
)

// script makes a tool of a shell script.
func script(t *testing.T, body string) Tool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cutover")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return Tool{Binary: path, Dir: t.TempDir(), Plan: "plans/x.yaml", Env: map[string]string{"CUTOVER_OLD_KUBECONFIG": "/old"}}
}

func TestTheToolGetsACleanEnvironmentAndItsArguments(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SHELL", "1")
	r, err := script(t, `echo "$@"; env | cut -d= -f1 | sort | tr '\n' ' '`).Verb(t.Context(), nil, "apply", "--phase", "proxy")
	if err != nil {
		t.Fatal(err)
	}
	args, env, _ := strings.Cut(string(r.Stdout), "\n")
	if args != "apply --plan plans/x.yaml --output json --phase proxy" {
		t.Errorf("arguments are %q", args)
	}
	for _, name := range []string{"CUTOVER_OLD_KUBECONFIG", "HOME", "PATH"} {
		if !strings.Contains(env, name) {
			t.Errorf("%s is missing in %q", name, env)
		}
	}
	if strings.Contains(env, "SECRET") {
		t.Errorf("the environment is not clean: %q", env)
	}
}

func TestAnExitCodeIsAResultAndItsErrorTellsTheEnd(t *testing.T) {
	var told bytes.Buffer
	tool := script(t, "echo why >&2; exit 4")
	r, err := tool.Run(t.Context(), &told, "apply")
	if err != nil || r.Code != 4 || told.String() != "why\n" {
		t.Errorf("code %d, told %q, error %v", r.Code, told.String(), err)
	}
	if err := r.Failed(); err == nil || !strings.Contains(err.Error(), "code 4") || !strings.Contains(err.Error(), "why") {
		t.Errorf("the error is %v", err)
	}
	tool.Binary += "-that-is-not-there"
	if _, err := tool.Run(t.Context(), nil); err == nil {
		t.Error("a tool that is not there was run")
	}
}

func TestAnEndingContextInterruptsTheToolAndLetsItStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := writer(func(p []byte) { cancel() })
	r, err := script(t, "trap 'echo stopped; exit 130' INT; echo begun >&2; while :; do sleep 0.05; done").Run(ctx, begun)
	if err != nil || r.Code != 130 || string(r.Stdout) != "stopped\n" {
		t.Errorf("code %d, said %q, error %v", r.Code, r.Stdout, err)
	}
}

// A demo that is killed leaves its processes behind: the lab has to find them, and their homes.
func TestTheLabFindsTheToolByItsHome(t *testing.T) {
	w := world.At(t.TempDir())
	tool := script(t, "echo '06:08:18Z doing    wait' >&2; exec sleep 60")
	tool.Homes = w.Homes()
	if _, err := tool.Run(t.Context(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("without a lab: %v", err)
	}
	if err := os.Mkdir(w.Run, 0o700); err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	p, err := tool.Start(t.Context(), Listen(func(Line) { close(begun) }))
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	ours, err := proc.Ours(w, nil)
	if !slices.ContainsFunc(ours, func(i proc.Info) bool { return i.PID == p.cmd.Process.Pid }) {
		t.Errorf("nobody would end the process: %v", err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(w.Homes()); err != nil || len(left) > 0 {
		t.Errorf("after its end there is %v (%v)", left, err)
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func TestThePhasesAreReadInTheirOrder(t *testing.T) {
	got, err := PhasesIn([]byte(`{"plan":"demo","phases":[{"name":"proxy","state":"done"},{"name":"routes"}]}`))
	if err != nil || !slices.Equal(got, []string{"proxy", "routes"}) {
		t.Errorf("phases are %v (%v)", got, err)
	}
	for _, bad := range []string{`{}`, `{"phases":[]}`, `{"phases":[{}]}`, `no JSON`} {
		if got, err := PhasesIn([]byte(bad)); err == nil {
			t.Errorf("%s has the phases %v", bad, got)
		}
	}
}

func TestStepsAreCountedHoweverTheyAreReported(t *testing.T) {
	for report, want := range map[string]int{
		`{"steps":[{"id":"a"},{"id":"b"}]}`:          2,
		`{"steps":7}`:                                7,
		`{"phases":[{"steps":[1,2]},{"steps":[3]}]}`: 3,
		`{"result":"ok"}`:                            0,
		`text`:                                       0,
	} {
		if got := Steps([]byte(report)); got != want {
			t.Errorf("%s has %d steps, want %d", report, got, want)
		}
	}
}

func TestASignalReachesTheToolAndADeadOneHasNoExitCode(t *testing.T) {
	begun := make(chan struct{})
	p, err := script(t, "echo '06:08:18Z doing    wait' >&2; exec sleep 60").Start(t.Context(), Listen(func(Line) { close(begun) }))
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if r, err := p.Wait(); err != nil || r.Code != -1 {
		t.Errorf("code %d, error %v", r.Code, err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Errorf("a signal to a process that has ended: %v", err)
	}
}
