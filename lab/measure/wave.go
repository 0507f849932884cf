package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/lab/ready"
)

// How many workloads the tool brings up, and moves, at once (pkg/phase/migrate).
const (
	bringsAtOnce = 4
	movesAtOnce  = 2
)

// wave moves many workloads in one phase, and holds its time against that of what it has to wait for: the plan's windows, and
// what Kubernetes takes to start and to end pods.
func (m *measuring) wave(ctx context.Context) error {
	lane, err := windows(m.tool.Plan)
	if err != nil {
		return err
	}
	pods, err := m.watchPods(ctx)
	if err != nil {
		return err
	}
	r, failed := m.apply(ctx, "migrate/"+wave)
	var start, move time.Duration
	seen := failed
	if failed == nil { // the last event may be on its way
		seen = ready.Until(ctx, "the whole life of every pod that moved", 20*time.Second, func(context.Context) (err error) {
			start, move, err = waits(pods.seen(), lane)
			return err
		})
	}
	if err := errors.Join(seen, pods.stop()); err != nil {
		return err
	}
	floor := start + move
	fmt.Printf("a wave of %d: %.1f s; pods of new take %.1f s to start, %d at once; windows and pods of old %.1f s, %d at once; ours %.1f s, %.1f s a workload; %s\n",
		moving, r.Took.Seconds(), start.Seconds(), bringsAtOnce, move.Seconds(), movesAtOnce,
		(r.Took - floor).Seconds(), (r.Took-floor).Seconds()/moving, crowd())
	if err := m.journal(ctx); err != nil {
		return err
	}
	return m.report.note(beside(fmt.Sprintf("migrate of %d workloads in one wave against its waits", moving), r.Took.Seconds(), floor.Seconds(), "s"))
}

// windows is what a plan makes one lane of the move wait.
func windows(file string) (time.Duration, error) {
	var p struct {
		Spec struct {
			Windows struct{ Watch, Drain string }
		}
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, &p)
	}
	if err != nil {
		return 0, fmt.Errorf("read the plan's windows: %w", err)
	}
	watch, err1 := time.ParseDuration(p.Spec.Windows.Watch)
	drain, err2 := time.ParseDuration(p.Spec.Windows.Drain)
	return watch + drain, errors.Join(err1, err2)
}

// waits is the shortest time in which the lanes can be through, if nothing but waiting took any.
func waits(lives map[string]life, windows time.Duration) (start, move time.Duration, err error) {
	var starts, moves []time.Duration
	for i := range moving {
		l := lives[moved(i)]
		if l.made.IsZero() || l.ready.IsZero() || l.ending.IsZero() || l.gone.IsZero() {
			return 0, 0, fmt.Errorf("%s was not seen to start in new and to end in old: %+v", moved(i), l)
		}
		starts = append(starts, l.ready.Sub(l.made))
		moves = append(moves, windows+l.gone.Sub(l.ending))
	}
	return through(starts, bringsAtOnce), through(moves, movesAtOnce), nil
}

// through is when the last of some lanes is through, of which so many at once run in their order.
func through(lanes []time.Duration, atOnce int) time.Duration {
	free := make([]time.Duration, atOnce)
	for _, lane := range lanes {
		first := slices.Index(free, slices.Min(free))
		free[first] += lane
	}
	return slices.Max(free)
}

// journal prints how long each kind of step took, from the end of the one before it in its lane.
func (m *measuring) journal(ctx context.Context) error {
	r, err := m.tool.Run(ctx, nil, "journal", "--plan", m.tool.Plan, "export")
	if err = errors.Join(err, r.Failed()); err != nil {
		return fmt.Errorf("export the journal: %w", err)
	}
	took, err := kinds(r.Stdout)
	if err != nil {
		return err
	}
	var said []string
	for _, k := range took {
		said = append(said, fmt.Sprintf("%s %.2f", k.verb, k.median.Seconds()))
	}
	fmt.Printf("steps of one workload, median in seconds: %s\n", strings.Join(said, ", "))
	return nil
}

// kind is how long the steps of one sort take.
type kind struct {
	verb   string
	median time.Duration
}

// kinds reads the steps of the workloads that moved out of an exported journal. What begins a lane is measured from its own
// beginning, or, where it only looks, not at all.
func kinds(journal []byte) ([]kind, error) {
	type entry struct {
		At          time.Time
		Phase, Step string
		What        string
	}
	last, took := map[string]time.Time{}, map[string][]time.Duration{}
	var verbs []string
	for text := range bytes.Lines(journal) {
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, fmt.Errorf("read the exported journal: %w", err)
		}
		at := strings.LastIndex(e.Step, space+"/Deployment/")
		if e.Phase != "migrate/"+wave || at < 0 {
			continue
		}
		workload, verb := e.Step[at:], e.Step[:strings.IndexByte(e.Step, ':')]
		began, follows := last[workload]
		switch {
		case e.What == "begun" && !follows:
			last[workload] = e.At
		case e.What == "done":
			if follows && verb != "baseline" { // the lane of the move begins with it
				if took[verb] == nil {
					verbs = append(verbs, verb)
				}
				took[verb] = append(took[verb], e.At.Sub(began))
			}
			last[workload] = e.At
		}
	}
	if len(verbs) == 0 {
		return nil, errors.New("the exported journal has no step of the wave")
	}
	var out []kind
	for _, v := range verbs {
		out = append(out, kind{v, quantile(took[v], 0.5)})
	}
	return out, nil
}
