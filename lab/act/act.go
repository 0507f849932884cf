package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/progress"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
)

// What is run. The workflow names the plan itself.
const (
	workflow = ".github/workflows/lab-migrate.yml"
	planFile = "plans/demo.yaml"
)

// settings are the flags.
type settings struct {
	Rate      int
	Out       string
	Workflows bool   // those that users copy, with a double of GitHub
	Until     string // with Workflows: the last phase; "" = all, with a rollback in between
}

// trial is one run of the workflow.
type trial struct {
	settings
	root  string // of the repository
	world world.World
	tool  rehearse.Tool // beside the workflow, to ask what to expect of it
	say   *progress.Progress
	load  *load.Load
	want  wanted
	got   *transcript
	nos   []error // of what was done beside the workflow while it ran
}

// run is the whole command. The error is why it does not count.
func run(ctx context.Context, s settings) (err error) {
	source, err := world.Source()
	if err != nil {
		return err
	}
	w, err := world.Here()
	if err != nil {
		return err
	}
	root := filepath.Dir(source)
	t := &trial{settings: s, root: root, world: w, say: progress.New(os.Stderr)}
	t.Out = filepath.Join(root, s.Out)
	t.tool = rehearse.Tool{Binary: filepath.Join(root, "bin", "cutover"), Dir: root, Plan: planFile, Homes: w.Homes(), Env: w.Environment()}
	if err := rig.Vacant(ctx, w); err != nil {
		return err
	}
	if err := t.build(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.down(ctx)) }()
	if err := rig.Up(ctx, w, t.say); err != nil {
		return err
	}
	if s.Workflows {
		return t.flow(ctx)
	}
	if err := t.expect(ctx); err != nil {
		return err
	}
	return t.perform(ctx)
}

// build makes everything that is needed besides the lab, and fills Go's caches: the jobs have no way to the internet.
func (t *trial) build(ctx context.Context) error {
	if err := errors.Join(os.RemoveAll(t.Out), os.MkdirAll(filepath.Join(t.Out, "logs"), 0o755)); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	t.say.Expect(1)
	if err := cache.EnsureRunner(ctx, t.world, t.say); err != nil {
		return err
	}
	for _, target := range []string{"build", "image-root"} {
		cmd := exec.CommandContext(ctx, "make", "--no-print-directory", target)
		cmd.Dir = t.root
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make %s: %w\n%s", target, err, said)
		}
	}
	if err := asPod(ctx, filepath.Join(t.root, "bin", "image")); err != nil {
		return err
	}
	t.say.Done("act, podman and the tool are there")
	return nil
}

// expect asks the tool, outside of any container, for what the workflow has to show.
func (t *trial) expect(ctx context.Context) error {
	phases, err := t.tool.Phases(ctx)
	if err != nil {
		return err
	}
	r, err := t.tool.Verb(ctx, nil, "plan", "--phase", phases[0])
	if err != nil {
		return err
	}
	var plan struct{ Digest string }
	if err := json.Unmarshal(r.Stdout, &plan); err != nil {
		return fmt.Errorf("read the plan of %s: %w", phases[0], err)
	}
	t.want = wanted{Phases: phases, Digest: plan.Digest}
	return nil
}

// perform runs the workflow under load and writes the report, whatever became of it.
func (t *trial) perform(ctx context.Context) error {
	began := time.Now()
	ledger, err := os.Create(filepath.Join(t.Out, "ledger.jsonl"))
	if err != nil {
		return fmt.Errorf("make the ledger: %w", err)
	}
	defer ledger.Close()
	secrets, err := secretsOf(t.world, world.UserRun)
	if err != nil {
		return err
	}
	t.got = newTranscript(filepath.Join(t.Out, "logs"), secrets.hidden)
	t.got.told = t.beside
	if err := startPodman(ctx, t.world); err != nil {
		return err
	}
	if t.load, err = rehearse.Clients(ctx, t.world, t.Rate, ledger); err != nil {
		return err
	}
	t.say.Expect(len(t.want.Phases))
	ran := started{root: t.root, workflow: workflow, trigger: "workflow_dispatch", event: byHand, secrets: secrets}.run(ctx, t.world, t.got)
	if ran == nil {
		ran = rehearse.Answers(ctx, t.world, rehearse.EntryOf(world.New), world.New.Name)
	}
	counters, written := t.load.Stop()
	written = errors.Join(written, t.keepPodmanLog())
	r := report{At: began, Seconds: seconds(time.Since(began)), Jobs: t.got.jobs, Requests: counters, Versions: versions(ctx, t.world)}
	r.Problems = problems(t.want, t.got, counters, errors.Join(append(t.nos, ran, written, t.got.close())...))
	if err := r.write(t.Out); err != nil {
		return err
	}
	r.print(os.Stdout, t.Out)
	if len(r.Problems) > 0 {
		return errors.New("the workflow did not do what it should")
	}
	return nil
}

// keepPodmanLog takes what podman said out of the lab, which goes: a secret could be in it as in any log.
func (t *trial) keepPodmanLog() error {
	said, err := os.ReadFile(t.world.Log("podman"))
	if err != nil {
		return fmt.Errorf("read podman's log: %w", err)
	}
	return os.WriteFile(filepath.Join(t.Out, "logs", "podman.log"), []byte(t.got.hide("podman", string(said))), 0o644)
}

// down takes the lab down, also when ctx has ended: act, podman and its containers are in it.
func (t *trial) down(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	return rig.Down(ctx, t.world, t.say)
}
