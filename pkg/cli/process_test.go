package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patient is how long a process may take for anything before a test gives it up. Nothing is concluded from less.
const patient = 5 * time.Minute

// built is the program itself, made once for all tests: signals are its business, and a lock is between processes.
var built struct {
	sync.Once
	dir string
	err error
}

func binary(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "cutover"); built.err != nil {
			return
		}
		build := exec.CommandContext(t.Context(), "go", "build", "-o", built.dir, "cutover.dev/cutover/cmd/cutover")
		if said, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build the program: %w\n%s", err, said)
			return
		}
		built.err = os.Symlink("cutover", filepath.Join(built.dir, "cutover-post")) // as in the image
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "cutover")
}

// process is the program at work.
type process struct {
	*exec.Cmd
	out, errs transcript
}

// transcript is what a process has said so far.
type transcript struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (s *transcript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(b)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// start runs a verb on the plan in a process of its own. The first phase never comes to its end here: nothing makes Pods.
func (w *world) start(t *testing.T, binary string, args []string, env ...string) *process {
	t.Helper()
	p := &process{}
	p.Cmd = exec.CommandContext(t.Context(), binary, append([]string{args[0], "--plan", w.plan}, args[1:]...)...)
	p.Dir = w.dir
	p.Env = append([]string{"PATH=" + os.Getenv("PATH"), "CUTOVER_OLD_KUBECONFIG=" + w.old, "CUTOVER_NEW_KUBECONFIG=" + w.new}, env...)
	p.Stdout, p.Stderr = &p.out, &p.errs
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() }) // fails only if it has ended
	return p
}

// working waits until the process is in the middle of its phase.
func (p *process) working(t *testing.T) { t.Helper(); p.says(t, " waiting  ") }

func (p *process) says(t *testing.T, text string) {
	t.Helper()
	for giveUp := time.Now().Add(patient); !strings.Contains(p.errs.String(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(giveUp) {
			t.Fatalf("it never says %q\n%s", text, &p.errs)
		}
	}
}

// signal sends one.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end and returns the exit code.
func (p *process) end(t *testing.T) int {
	t.Helper()
	late := time.AfterFunc(patient, func() { _ = p.Process.Signal(syscall.SIGQUIT) }) // its goroutines tell where it hangs
	defer late.Stop()
	if err := p.Wait(); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); !ended {
			t.Fatal(err)
		}
	}
	return p.ProcessState.ExitCode()
}

func TestProcesses(t *testing.T) {
	w, program := newWorld(t), binary(t)
	if err := os.WriteFile(w.plan, []byte(strings.Replace(read(t, w.plan), "ttl: 1m", "ttl: 15s", 1)), 0o644); err != nil { // a run that died is waited for
		t.Fatal(err)
	}
	t.Run("a signal stops safely, and the next one at once", func(t *testing.T) { signals(t, w, program) })
	t.Run("the lock is between processes", func(t *testing.T) { locks(t, w, program) })
}

func signals(t *testing.T, w *world, program string) {
	p := w.start(t, program, []string{"apply", "--output", "json"})
	p.working(t)
	p.signal(t, syscall.SIGTERM)
	if code := p.end(t); code != 130 || !strings.Contains(p.out.String(), `"result": "cancelled"`) || !strings.Contains(p.errs.String(), "go on: ") {
		t.Errorf("SIGTERM: exit code %d\n%s%s", code, &p.out, &p.errs)
	}
	if a, b := w.entries(t, "new"), w.entries(t, "old"); len(a) == 0 || len(a) != len(b) {
		t.Errorf("%d entries in the journal of new, %d in its copy", len(a), len(b))
	}
	if _, _, errs := w.run(t, []string{"unlock"}); !strings.Contains(errs, "nobody holds the lock") {
		t.Error(errs)
	}

	step := w.job(t, "phase", "proxy")
	action := step.Start(filepath.Dir(program))
	action.Says(" waiting  ")
	if last := action.Cancel(); last != syscall.SIGINT || action.Code() != 130 {
		t.Errorf("cancelled: exit code %d after %s\n%s", action.Code(), last, step.Log())
	}
	if outputs, dropped := step.JobOutputs(); outputs["result"] != "cancelled" || outputs["phase"] != "proxy" || len(dropped) > 0 {
		t.Errorf("cancelled: outputs %q\n%s", outputs, step.Log())
	}
	if !strings.Contains(step.Summary(), "apply proxy: cancelled") {
		t.Errorf("the summary:\n%s", step.Summary())
	}

	wire, config := w.through(t, "old")
	p = w.start(t, program, []string{"apply"}, "CUTOVER_OLD_KUBECONFIG="+config)
	p.working(t)
	wire.freeze() // now it cannot stop at once
	p.signal(t, syscall.SIGINT)
	p.says(t, " stopped  ")
	time.Sleep(time.Second) // what comes sooner is the first one, doubled
	p.signal(t, syscall.SIGTERM)
	if code := p.end(t); code != 128+int(syscall.SIGTERM) {
		t.Errorf("a second signal: exit code %d\n%s", code, &p.errs)
	}
}

func locks(t *testing.T, w *world, program string) {
	p := w.start(t, program, []string{"apply"})
	p.working(t)
	before := len(w.entries(t, "new"))
	if code, _, errs := w.run(t, []string{"apply"}); code != 6 || !strings.Contains(errs, "the lock is held by") {
		t.Errorf("a second run: exit code %d\n%s", code, errs)
	}
	if after := len(w.entries(t, "new")); after != before {
		t.Errorf("the second run wrote %d entries", after-before)
	}
	code, _, errs := w.run(t, []string{"unlock"})
	held := regexp.MustCompile(`held by (\S+) since`).FindStringSubmatch(errs)
	if code != 2 || held == nil || !strings.Contains(errs, "cutover unlock --plan "+w.plan+" --holder "+held[1]+"\n") {
		t.Fatalf("unlock without a name: exit code %d\n%s", code, errs)
	}
	if code, _, errs := w.run(t, []string{"unlock", "--holder", "x"}); code != 3 || !strings.Contains(errs, held[1]) {
		t.Errorf("unlock with another name: exit code %d\n%s", code, errs)
	}
	if code, out, errs := w.run(t, []string{"rollback", "--phase", "proxy"}); code != 0 || !strings.Contains(errs, "asking it to stop") {
		t.Errorf("rollback: exit code %d\n%s%s", code, out, errs)
	}
	if code := p.end(t); code != 130 || !strings.Contains(p.errs.String(), "asked this run to stop") {
		t.Errorf("the run that was asked to stop: exit code %d\n%s", code, &p.errs)
	}
	if _, out, _ := w.run(t, []string{"status"}); !strings.Contains(out, "proxy         next") || strings.Contains(out, "locked") {
		t.Errorf("after the rollback:\n%s", out)
	}

	p = w.start(t, program, []string{"apply"})
	p.working(t)
	_, _, errs = w.run(t, []string{"unlock"})
	held = regexp.MustCompile(`held by (\S+) since`).FindStringSubmatch(errs)
	if held == nil {
		t.Fatal(errs)
	}
	if code, out, errs := w.run(t, []string{"unlock", "--holder", held[1], "--output", "json"}); code != 0 || !strings.Contains(out, `"from": "`+held[1]+`"`) {
		t.Errorf("unlock: exit code %d\n%s%s", code, out, errs)
	}
	if code := p.end(t); code != 4 || !strings.Contains(p.errs.String(), "lock") {
		t.Errorf("the run that lost its lock: exit code %d\n%s", code, &p.errs)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wire is a way to a server that can be made to pass nothing on any more, and to say nothing either.
type wire struct {
	net.Listener
	frozen sync.RWMutex
}

func (w *wire) freeze() { w.frozen.Lock() }

func forward(t *testing.T, server string) *wire {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // the end of the test ends all of it
	w := &wire{Listener: l}
	pass := func(from, to net.Conn) {
		_, _ = io.Copy(w.through(to), from) // however it ends, the other half ends with it
		_, _ = from.Close(), to.Close()
	}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", to.Host)
			if err != nil {
				_ = from.Close()
				continue
			}
			go pass(from, to)
			go pass(to, from)
		}
	}()
	return w
}

// through writes what comes as long as nothing is frozen.
func (w *wire) through(to io.Writer) io.Writer {
	return writer(func(b []byte) (int, error) {
		w.frozen.RLock()
		defer w.frozen.RUnlock()
		return to.Write(b)
	})
}

type writer func([]byte) (int, error)

func (f writer) Write(b []byte) (int, error) { return f(b) }
