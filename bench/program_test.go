package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// program is a run of the built program: where it is, its environment, and the file that it is to print to.
type program struct {
	Path, Dir, Log string
	Env            []string
}

// programRuns starts it and says what the kernel tells of it. It is a job of its own since who starts a program counts in what is
// told: this process is small.
func programRuns(ctx context.Context, t task) (took, error) {
	out, err := os.Create(t.Program.Log)
	if err != nil {
		return took{}, err
	}
	cmd := exec.CommandContext(ctx, t.Program.Path, "action")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.Program.Dir, t.Program.Env, out, out
	watch := start()
	err = errors.Join(cmd.Run(), out.Close())
	if err != nil {
		said, _ := os.ReadFile(t.Program.Log)
		return took{}, fmt.Errorf("%w: …%s", err, said[max(0, len(said)-4000):])
	}
	result := watch.stop(1)
	result.MiB = peak(cmd)
	return result, nil
}

// BenchmarkProgram measures the peak memory of the program as users run it, as the action: arguments, both kubeconfigs, identity,
// lock, journal and its copy, the frozen inventory, every gate, every proof by its requests and over TLS, log, outputs, report and
// summary. Not in it are relays, names, the replica set, waves, and what would come of controllers and pods: the clusters are an API
// server each, and the entries and the bridge a stand-in that answers for every host that an Ingress of its cluster has.
func BenchmarkProgram(b *testing.B) {
	path := built(b)
	for _, n := range []int{50, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			u := newUser(b, path, scope{Ingresses: n, Workloads: min(n, 1000), Namespaces: min(n, 50)})
			of := fmt.Sprintf("peak memory of the program with all that it does, %d Ingresses: ", n)
			u.does(b, "apply", "proxy")
			plan := u.does(b, "plan", "routes")
			apply := u.does(b, "apply", "routes")
			verify := u.does(b, "verify", "")
			atMost(b, of+"plan of routes", mostMiB, plan.MiB, "MiB")
			atMost(b, of+"apply of routes", mostMiB, apply.MiB, "MiB")
			atMost(b, of+"verify", mostMiB, verify.MiB, "MiB")
		})
	}
}

// built is the program, made as for the image.
func built(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "cutover")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "cutover.dev/cutover/cmd/cutover")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build the program: %v\n%s", err, out)
	}
	return path
}

// user is who runs the program in a workflow, between two clusters.
type user struct {
	w                *world
	path, dir, roots string
}

const planFile = "plan.yaml"

func newUser(b *testing.B, path string, s scope) *user {
	b.Helper()
	u := &user{w: newWorld(b, s), path: path, dir: b.TempDir()}
	attend(b, u.w.old) // the echo becomes ready
	cert, roots := certificate(b, "example.com")
	u.roots = roots
	p, at := s.plan(), own(b)
	anything := func(string) bool { return true }
	old, bridge := (&standIn{known: anything}).open(b, at, cert), (&standIn{known: anything, mark: p.Spec.Bridge.Marker}).open(b, at, cert)
	in := (&standIn{known: hostsIn(b, u.w.new), mark: p.Spec.Bridge.Marker}).open(b, at, cert)
	var waves strings.Builder
	for _, w := range p.Spec.Waves {
		fmt.Fprintf(&waves, "  - name: %s\n    workloads:\n", w.Name)
		for _, l := range w.Workloads {
			fmt.Fprintf(&waves, "    - %s\n", l.Ref)
		}
	}
	text := fmt.Sprintf(programPlan, uid(b, u.w.old), uid(b, u.w.new), strings.Join(p.Spec.Namespaces, ", "),
		at, old.Plain, old.Secure, in.Plain, in.Secure, p.Spec.Bridge.Marker, &waves, bridge.Plain)
	if err := os.WriteFile(filepath.Join(u.dir, planFile), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return u
}

// programPlan asks as fast as a plan may: at the default it would take twenty minutes, and be the same in memory.
const programPlan = `apiVersion: cutover.dev/v1alpha1
kind: Plan
metadata: {name: bench}
spec:
  through: routes
  clusters: {old: {uid: %s}, new: {uid: %s}}
  namespaces: [%s]
  entry:
    old: {addresses: [%[4]s], ingressClass: main, httpPort: %[5]d, httpsPort: %[6]d}
    new: {addresses: [%[4]s], ingressClass: main, httpPort: %[7]d, httpsPort: %[8]d}
  bridge: {addresses: [%[4]s], port: %[11]d, marker: %[9]s, echo: {image: cutover, namespace: cutover-system}}
  tail: {addresses: [192.0.2.4], port: 8080, marker: 9b3e6d10}
  dns: {none: "there are no names here"}
  probe: {rate: 1000}
  windows: {status: 1s, ready: 10m, routes: 10m}
  waves:
%[10]s`

func uid(b *testing.B, kubeconfig string) string {
	b.Helper()
	c, err := kube.Connect(b.Context(), phase.Old, kubeconfig, kube.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	uid, err := c.UID(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return uid
}

// does runs a verb as a step of a job, and wants it done, reported and summed up.
func (u *user) does(b *testing.B, verb, phase string) took {
	b.Helper()
	s := runnertest.NewStep(b).With("verb", verb, "phase", phase, "plan", planFile, "old-kubeconfig", u.w.old, "new-kubeconfig", u.w.new)
	t := u.w.task("program")
	t.Program = program{Path: u.path, Dir: u.dir, Log: filepath.Join(b.TempDir(), "log"), Env: []string{"SSL_CERT_FILE=" + u.roots}}
	for name, value := range s.Env {
		t.Program.Env = append(t.Program.Env, name+"="+value)
	}
	got := run(b, t)
	report, err := os.ReadFile(filepath.Join(u.dir, "cutover-report.json"))
	if err != nil {
		b.Fatal(err)
	}
	steps, summary := bytes.Count(report, []byte(`"id": `)), s.Summary()
	if s.Outputs()["result"] != "done" || summary == "" || steps < u.w.scope.Ingresses && phase != "proxy" {
		b.Fatalf("%s %s: outputs %q, %d steps in the report, the summary is\n%.500s", verb, phase, s.Outputs(), steps, summary)
	}
	fmt.Printf("%s %s: %d steps reported in %.1f s, %.0f MiB; %d KiB of report, %d of summary\n",
		verb, phase, steps, got.Seconds, got.MiB, len(report)>>10, len(summary)>>10)
	return got
}
