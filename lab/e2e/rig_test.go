package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/rehearse"
	lab "cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

const (
	rate    = 100             // requests a second of the main load
	waiting = 8               // the tool's exit code for: come back later
	verbEnd = 6 * time.Minute // one verb takes less, or it hangs
	settled = time.Minute     // for an entry or a cluster to come to rest
)

// rig is what the test drives: the lab, the tool, the load.
type rig struct {
	world    world.World
	tool     rehearse.Tool
	out      string // folder for logs and ledgers
	verbs    int    // how many processes of the tool there were, to name their logs
	load     *load.Load
	forgiven []span // in these a part lost requests of the main load on purpose
	ended    bool
	database bool              // plans move the replica set
	made     map[string]string // secrets that a part made, for who looks for them later
}

// vacate clears the wreck of a lab that was killed. One that works is somebody's, and stays.
func vacate(t *testing.T, w world.World, found error) {
	t.Helper()
	results := lab.Status(t.Context(), w)
	works := len(results) > 0
	for _, r := range results {
		works = works && r.Err == nil
	}
	if works {
		t.Fatalf("this test needs a lab of its own, and there is one already (make lab-down): %v", found)
	}
	if err := lab.Down(t.Context(), w, progress.New(os.Stderr)); err != nil {
		t.Fatalf("clear the wreck of an earlier lab: %v", err)
	}
}

// setting is what a test on a lab of its own has for itself.
type setting struct {
	out  string   // folder for logs and ledgers, below out
	plan []string // what its plan has instead of the demo's: pairs of text, each there once
	// database: the plan moves the replica set too. Where it is not what is tested, that would only take time.
	database bool
	names    bool // there are name servers, and clients go by them
	swift    bool // no workload is slow: each look at all routes is seconds shorter
}

// start builds the tool, takes the lab up and sends clients to old's entry. The lab goes down with the test.
func start(t *testing.T, s setting) *rig {
	t.Helper()
	w, err := world.Here()
	if err != nil {
		t.Fatal(err)
	}
	source, err := world.Source()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Check(t.Context(), w); err != nil {
		vacate(t, w, err)
	}
	root := filepath.Dir(source)
	r := &rig{world: w, out: filepath.Join(root, "out", s.out), database: s.database}
	if err := errors.Join(os.RemoveAll(r.out), os.MkdirAll(r.out, 0o755)); err != nil {
		t.Fatal(err)
	}
	r.tool = rehearse.Tool{
		Binary: filepath.Join(root, "out", "e2e-tool", "cutover"), // a place that stays: what is up to date is not linked again
		Dir:    root, Plan: r.plan(t, root, "plan", s.plan...), Homes: w.Homes(), Env: w.Environment(),
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", r.tool.Binary, "./cmd/cutover")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the tool: %v\n%s", err, said)
	}
	entries := r.file(t, "ledger.jsonl") // before down, so that it is closed after it
	t.Cleanup(func() { r.down(t) })
	if err := lab.Up(t.Context(), w, progress.New(os.Stderr)); err != nil {
		t.Fatalf("take the lab up: %v", err)
	}
	clients := rehearse.Clients
	if s.names {
		clients = rehearse.ClientsByName
		r.named(t)
	}
	if s.swift {
		r.hasten(t)
	}
	r.admit(t)
	r.until(t, "old answers every host", settled, func() error { return r.answers(t, world.Old, world.Old) })
	if r.load, err = clients(t.Context(), w, rate, entries); err != nil {
		t.Fatal(err)
	}
	return r
}

// databasePart is what a plan says of the replica set.
var databasePart = regexp.MustCompile(`(?m)^  (mongodb:\n(    .*\n)*|stepdown: .*\n)`)

// plan writes a plan that is the demo's but for some pairs of text, and returns its path.
func (r *rig) plan(t *testing.T, root, name string, pairs ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "plans", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !r.database {
		b = databasePart.ReplaceAll(b, nil)
	}
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(string(b), pairs[i]) != 1 {
			t.Fatalf("plans/demo.yaml does not have %q once, to be made %q", pairs[i], pairs[i+1])
		}
	}
	path := filepath.Join(r.out, name+".yaml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(string(b))), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// down ends what is still running, and wants nothing to be left on the machine.
func (r *rig) down(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	defer cancel()
	if r.load != nil && !r.ended {
		if _, err := r.load.Stop(); err != nil {
			t.Error(err)
		}
	}
	if err := lab.Down(ctx, r.world, progress.New(os.Stderr)); err != nil {
		t.Errorf("take the lab down: %v", err)
	}
	left, err := lab.Leftovers(ctx, r.world)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q %v", left, err)
	}
}

// part runs a part that the rest of the test starts from.
func (r *rig) part(t *testing.T, name string, f func(*testing.T, *rig)) {
	t.Helper()
	if !t.Run(name, func(t *testing.T) { r.here(t, f) }) {
		t.Fatalf("the rest of the road starts from here: %s", r.figures())
	}
}

// here runs a part, and says afterwards what the clients got in it.
func (r *rig) here(t *testing.T, f func(*testing.T, *rig)) {
	began := time.Now()
	defer func() { t.Logf("%.1f s; main load: %s", time.Since(began).Seconds(), r.figures()) }()
	f(t, r)
	r.lossless(t)
}

// lossless fails when the main load lost a request that no part has lost on purpose.
func (r *rig) lossless(t *testing.T) {
	t.Helper()
	c := r.load.Counters()
	if c.Lost == r.onPurpose(c) {
		return
	}
	verdict := "requests were lost"
	if c.Inconclusive {
		verdict = "INCONCLUSIVE, the machine is overloaded (the load was late, see below): free it and run again; requests were lost"
	}
	for _, e := range c.Bad {
		t.Logf("lost %s at %s's entry: %s %s%s: %s: %s", e.At.Format("15:04:05.000"), e.Entry, e.Method, e.Host, e.Path, e.Class, e.Detail)
	}
	t.Logf("what new's entry answered with an error last:\n%s", r.failures())
	t.Errorf("%s: %s", verdict, r.figures())
}

// failures are the last lines of the access log of new's entry, which holds errors alone.
func (r *rig) failures() string {
	const last = 20
	b, err := os.ReadFile(r.world.Log(world.New.Name + "-entry"))
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(string(b), "\n"), func(s string) bool { return !strings.Contains(s, `"DownstreamStatus":`) })
	return strings.Join(lines[max(0, len(lines)-last):], "\n")
}

func (r *rig) figures() string {
	c := r.load.Counters()
	return fmt.Sprintf("sent %d, lost %d (%d of them on purpose), by cluster %v, longest gap %d ms, generator late by %d ms (p99)",
		c.Sent, c.Lost, r.onPurpose(c), c.ByCluster, c.LongestGapMs, c.LatenessMs)
}

// verb runs one verb in a process of its own, again while it says that it has to wait, and returns the last one.
func (r *rig) verb(t *testing.T, verb string, args ...string) rehearse.Result {
	t.Helper()
	r.verbs++
	log := r.file(t, fmt.Sprintf("%02d-%s.log", r.verbs, verb))
	ctx, cancel := context.WithTimeout(t.Context(), verbEnd)
	defer cancel()
	line := append([]string{verb, "--plan", r.tool.Plan, "--output", "json"}, args...)
	for {
		fmt.Fprintf(log, "$ cutover %s\n", strings.Join(line, " "))
		got, err := r.tool.Run(ctx, log, line...)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(log, "%s\nexit code %d after %.1f s\n", got.Stdout, got.Code, got.Took.Seconds())
		if got.Code != waiting || !pause(ctx, 2*time.Second) {
			return got
		}
	}
}

// well runs a verb that has to end well.
func (r *rig) well(t *testing.T, verb string, args ...string) {
	t.Helper()
	if err := r.verb(t, verb, args...).Failed(); err != nil {
		t.Fatal(err)
	}
}

// answers asks every target at one cluster's entry and wants the answers of another.
func (r *rig) answers(t *testing.T, at, from world.Cluster) error {
	return rehearse.Answers(t.Context(), r.world, rehearse.EntryOf(at), from.Name)
}

// client is an administrator of a cluster: what the test does behind the tool's back.
func (r *rig) client(t *testing.T, c world.Cluster) *kubernetes.Clientset {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", r.world.Kubeconfig(c, world.UserAdmin))
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// file is a new file in the folder of logs, closed at the end of t.
func (r *rig) file(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(r.out, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// until asks until there is no error, and ends the test when that takes longer than limit.
func (r *rig) until(t *testing.T, what string, limit time.Duration, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		no := ask()
		if no == nil {
			return
		}
		if !pause(ctx, 200*time.Millisecond) {
			t.Fatalf("wait until %s: not within %s: %v", what, limit, no)
		}
	}
}

// pause waits for d. False means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
