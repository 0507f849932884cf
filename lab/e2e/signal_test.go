package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/workloads"
	"cutover.dev/cutover/lab/world"
)

// actionStep is one step of the action: its workspace and the runner's files.
type actionStep struct {
	tool  rehearse.Tool
	dir   string
	began time.Time
}

// step makes what the runner makes for one step of the action. The plan's paths begin in the workspace.
func (r *rig) step(t *testing.T, inputs map[string]string) actionStep {
	t.Helper()
	dir, err := os.MkdirTemp(r.out, "action-") // it stays, for who looks for secrets in all that was left behind
	if err != nil {
		t.Fatal(err)
	}
	s := actionStep{tool: r.tool, dir: dir, began: time.Now().Truncate(time.Second)} // the journal may have no more
	env := map[string]string{"GITHUB_ACTIONS": "true", "INPUT_PLAN": r.tool.Plan, "INPUT_OLDER-PLAN": "a test goes from plan to plan"}
	for _, file := range []string{"OUTPUT", "STEP_SUMMARY", "STATE"} {
		env["GITHUB_"+file] = filepath.Join(s.dir, file)
	}
	maps.Copy(env, inputs)
	s.tool = r.tool.With(env)
	s.tool.Dir = s.dir
	if err := os.CopyFS(filepath.Join(s.dir, "plans"), os.DirFS(filepath.Join(r.tool.Dir, "plans"))); err != nil {
		t.Fatal(err)
	}
	return s
}

// ended judges what the step left behind: the exit code, the outputs, the report and the summary have to agree.
func (s actionStep) ended(t *testing.T, got rehearse.Result, code int, result string) {
	t.Helper()
	if got.Code != code {
		t.Errorf("the action ended with exit code %d, want %d:\n%s", got.Code, code, got.Stdout)
	}
	outputs, err := os.ReadFile(filepath.Join(s.dir, "OUTPUT"))
	if last := lastOutput(string(outputs), "result"); err != nil || last != result {
		t.Errorf("the output result is %q, want %q (%v)", last, result, err)
	}
	if last := lastOutput(string(outputs), "mutated"); code != 0 && last != "true" { // what only ended a proof changed nothing
		t.Errorf("the output mutated is %q, want true", last)
	}
	summary, err := os.ReadFile(filepath.Join(s.dir, "STEP_SUMMARY"))
	if err != nil || !strings.Contains(string(summary), result) {
		t.Errorf("the summary does not say %q (%v):\n%s", result, err, summary)
	}
	if is := s.report(t).Result; is != result {
		t.Errorf("the report says %q, want %q", is, result)
	}
}

// lastOutput reads the last value of an output, which the runner takes.
func lastOutput(file, key string) string {
	lines, value := strings.Split(file, "\n"), ""
	for i, line := range lines {
		if strings.HasPrefix(line, key+"<<") && i+1 < len(lines) {
			value = lines[i+1]
		}
	}
	return value
}

// report is what is read of the report of a step.
type report struct {
	Result string
	Steps  []stepState
}

type stepState struct{ ID, State string }

func (s actionStep) report(t *testing.T) report {
	t.Helper()
	var out report
	b, err := os.ReadFile(filepath.Join(s.dir, "cutover-report.json"))
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil || len(out.Steps) == 0 {
		t.Fatalf("read the report: %d steps, %v", len(out.Steps), err)
	}
	return out
}

// journaled wants the newest word of the journal on every step to be what the report of a process says of it, and some of these
// words to be its own: on the same steps earlier runs have had theirs.
func (r *rig) journaled(t *testing.T, s actionStep, word string) {
	t.Helper()
	wrong, err := untold(r.exits(t, 0, "journal", "export").Stdout, s.report(t), word, s.began)
	if err != nil {
		t.Error(err)
	}
	for _, step := range wrong {
		t.Errorf("%s is %s, and not in the journal", step, word)
	}
}

// untold are the steps of which a report says word and the journal something else. An error: since then it has that word of none.
func untold(journal []byte, told report, word string, since time.Time) (steps []string, err error) {
	newest, fresh := map[string]string{}, 0
	for line := range bytes.Lines(journal) {
		var e struct {
			At         time.Time
			Step, What string
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read the exported journal: %w", err)
		}
		newest[e.Step] = e.What
		if e.What == word && !e.At.Before(since) && slices.ContainsFunc(told.Steps, func(s stepState) bool { return s.ID == e.Step && s.State == word }) {
			fresh++
		}
	}
	for _, s := range told.Steps {
		if s.State == word && newest[s.ID] != word {
			steps = append(steps, s.ID)
		}
	}
	if fresh == 0 {
		err = fmt.Errorf("since %s the journal has no step of the report that is %s", since.Format(time.RFC3339), word)
	}
	return steps, err
}

func TestAStepThatTheJournalDoesNotTellOfIsNamed(t *testing.T) {
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var journal []byte
	add := func(after time.Duration, step, what string) {
		journal = fmt.Appendf(journal, "{\"at\":%q,\"step\":%q,\"what\":%q}\n", since.Add(after).Format(time.RFC3339), step, what)
	}
	add(-time.Hour, "a", "begun")
	add(-time.Hour, "a", "done")
	add(-time.Hour, "b", "done")
	add(-time.Minute, "b", "reverted")
	told := report{Steps: []stepState{{"a", "done"}, {"b", "done"}, {"c", "pending"}}}
	if steps, err := untold(journal, told, "done", since); err == nil || !slices.Equal(steps, []string{"b"}) {
		t.Errorf("of an earlier run: %v %v", steps, err)
	}
	add(time.Second, "b", "begun")
	if steps, err := untold(journal, told, "done", since); err == nil || !slices.Equal(steps, []string{"b"}) {
		t.Errorf("only begun: %v %v", steps, err)
	}
	add(time.Second, "b", "done")
	if steps, err := untold(journal, told, "done", since); err != nil || len(steps) > 0 {
		t.Errorf("done: %v %v", steps, err)
	}
}

// signalled runs the action on a phase that waits, ends it by a signal, and lets another step go on; the same on the way
// back.
func (r *rig) signalled(t *testing.T, phase string) {
	before := r.snapshots(t)
	forward := map[string]string{"INPUT_PHASE": phase}
	r.under(t, "slow", slow, func() {
		s := r.step(t, forward)
		s.ended(t, r.stops(t, r.begin(t, s.tool, syscall.SIGTERM, at(bridgeWatch, "waiting"), "action")), cancelled, "cancelled")
		r.journaled(t, s, "done")
		r.free(t)
	})
	s := r.step(t, forward)
	s.ended(t, r.begin(t, s.tool, nil, at("", "phase"), "action").end(t, verbEnd), 0, "done")
	back := map[string]string{"INPUT_VERB": "rollback", "INPUT_PHASE": phase}
	s = r.step(t, back)
	s.ended(t, r.stops(t, r.begin(t, s.tool, os.Interrupt, at("", "undoing"), "action")), cancelled, "cancelled")
	r.journaled(t, s, "reverted")
	r.free(t)
	s = r.step(t, back)
	s.ended(t, r.begin(t, s.tool, nil, at("", "phase"), "action").end(t, verbEnd), 0, "done")
	r.asBefore(t, before)
}

// free wants a process that was signalled to have given its lock back.
func (r *rig) free(t *testing.T) {
	t.Helper()
	if holder := r.holder(t); holder != "" {
		t.Errorf("the lock is still held by %q", holder)
	}
}

// stretched ends a wave by a signal while clients are already led to the pods in new and the proof goes on: what the
// stretch is left as has to be one of its two ends. Another run then goes on.
func (r *rig) stretched(t *testing.T, phase string) {
	s := r.step(t, map[string]string{"INPUT_PHASE": phase})
	inside := func(l rehearse.Line) bool { return l.Word == "done" && strings.HasPrefix(l.Title, "swap the routes") }
	got := r.stops(t, r.begin(t, s.tool, os.Interrupt, inside, "action"))
	s.ended(t, got, cancelled, "cancelled")
	r.journaled(t, s, "done")
	r.free(t)
	r.whole(t)
	since := time.Now()
	r.exits(t, 0, "recover")
	if err := rehearse.Beyond(r.written(t, since), rehearse.Write.Memory); err != nil {
		t.Errorf("there was something left to recover: %v", err)
	}
	s = r.step(t, map[string]string{"INPUT_PHASE": phase})
	s.ended(t, r.begin(t, s.tool, nil, at("", "phase"), "action").end(t, verbEnd), 0, "done")
	r.whole(t)
}

// whole wants each Deployment of old to be wholly in one cluster: routes lead to new and old has no replicas, or the other
// way round.
func (r *rig) whole(t *testing.T) {
	t.Helper()
	for _, space := range workloads.Namespaces {
		ingresses, err := r.client(t, world.New).NetworkingV1().Ingresses(space).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var led []string
		for i := range ingresses.Items {
			led = append(led, backends(&ingresses.Items[i])...)
		}
		deployments, err := r.client(t, world.Old).AppsV1().Deployments(space).List(t.Context(), metav1.ListOptions{})
		if err != nil || len(deployments.Items) == 0 {
			t.Fatalf("%d Deployments in %s of old: %v", len(deployments.Items), space, err)
		}
		for _, d := range deployments.Items {
			moved, off := slices.Contains(led, d.Name), *d.Spec.Replicas == 0
			if moved != off {
				t.Errorf("%s/%s is half-way: routes lead to new: %v, off in old: %v", space, d.Name, moved, off)
			}
			t.Logf("%s/%s has moved: %v", space, d.Name, moved)
		}
	}
}
