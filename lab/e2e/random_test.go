package e2e

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// latest is when a process is killed at the latest, if it still runs: twice as long as the longest proof that begins anew after a
// kill, so that most kills are not spent in one place. Every second one comes soon, since most phases take no longer than that.
const latest, soon = 24 * time.Second, 3 * time.Second

// whole is quick with names and the database, which move as well, and steps of the set that show soon when they hang.
var whole = slices.Concat(but(quick, "residual: 3s"), names.Plan(), []string{"step: 2m", "step: 30s"})

// gauntlet sends processes the same road forth and back, and kills each at a random instant, until all kills are spent.
type gauntlet struct {
	*chain
	random      *rand.Rand
	left, spent int // kills
}

// The whole road but for cleanup, forward and back in turns: back at its beginning everything has to be as it was.
func TestTheRoadAndItsWayBackHoldWhenProcessesAreKilledAtRandomInstants(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("CUTOVER_KILLS"))
	if err != nil || kills <= 0 {
		t.Skip("it takes an hour for 200 kills: make kills, or set CUTOVER_KILLS")
	}
	wanted(t)
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("CUTOVER_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("CUTOVER_SEED=%d", seed)
	r := start(t, setting{out: "random", plan: whole, names: true, database: true})
	w, err := rehearse.Application(t.Context(), r.file(t, "writes.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gauntlet{&chain{&application{r, w}, nil, whole, time.Now()}, rand.New(rand.NewPCG(seed, seed)), kills, 0}
	phases, err := g.tool.Phases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	phases = slices.DeleteFunc(phases, func(name string) bool { return name == "cleanup" })
	set, zones, clusters := g.config(t), g.zones(t), g.snapshots(t)
	for g.left > 0 {
		for _, phase := range phases {
			g.step(t, phase, func(t *testing.T) { g.run(t, "apply", "--phase", phase) })
		}
		g.primaryIn(t, world.New)
		g.lead(t, world.New)
		for _, phase := range slices.Backward(phases) {
			g.step(t, phase+" back", func(t *testing.T) { g.run(t, "rollback", "--phase", phase) })
		}
		g.step(t, "all of it is as it was", func(t *testing.T) {
			g.primaryIn(t, world.Old)
			g.asItWas(t, set, zones)
			g.asBefore(t, clusters)
		})
	}
	g.step(t, "nothing was written twice", func(t *testing.T) { g.once(t, set, zones) })
	g.step(t, "nothing is lost", func(t *testing.T) {
		g.chain.end(t)
		r.end(t)
	})
}

// run runs one verb on a phase to its end, in as many processes as it takes while there are kills left.
func (g *gauntlet) run(t *testing.T, args ...string) {
	t.Helper()
	before, late := g.spent, 0
	for {
		q := g.begin(t, g.tool, nil, never, verbLine(g.tool, args[0], args[1:]...)...)
		if g.left > 0 {
			within := latest
			if g.left%2 == 0 {
				within = soon
			}
			q.killAfter(t, time.Duration(g.random.Int64N(int64(within))))
		}
		got := q.end(t, verbEnd)
		switch {
		case got.Code == -1:
			g.left--
			g.spent++
			g.bury(t, g.spent)
		case got.Code == 0:
			t.Logf("%d kills, %d left", g.spent-before, g.left)
			return
		case !g.resumable(t, got, &late) || !pause(t.Context(), time.Second):
			t.Fatal(got.Failed())
		}
	}
}

// killAfter kills the process d from now, unless it has ended by then.
func (q *running) killAfter(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-q.over:
	case <-time.After(d):
		if err := q.process.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}
