package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/rehearse"
	lab "cutover.dev/cutover/lab/rig"
	"cutover.dev/cutover/lab/world"
	"cutover.dev/cutover/lab/writes"
)

// small is the demo's plan with as little as possible of what is not the database, and the shortest windows.
var small = slices.Concat(but(brisk, "ttl: 15s"), []string{
	"namespaces: [shop, blog]", "namespaces: [blog]",
	`    - name: shop
      workloads:
        - shop/Deployment/web
        - shop/Deployment/cart # calls api, so it comes before it
        - shop/Deployment/api
    - name: live
      workloads:
        - shop/Deployment/live
        - blog/Deployment/reports
`, `    - name: first
      workloads:
        - blog/Deployment/reports
`,
	"stepdown: {after: live}", "stepdown: {after: first}",
	"step: 2m", "step: 30s",
})

// application is what uses the replica set during the test.
type application struct {
	*rig
	writes *writes.Writes
}

// startApplication starts a lab whose only clients are those of its replica set.
func startApplication(t *testing.T, out string) *application {
	t.Helper()
	r := start(t, setting{out: out, plan: small, database: true})
	if _, err := r.load.Stop(); err != nil { // other tests have clients of the workloads
		t.Fatal(err)
	}
	r.ended = true
	w, err := rehearse.Application(t.Context(), r.file(t, "writes.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return &application{r, w}
}

// One lab and one set, so one test: each part starts where the one before it ended. Who cannot be a member, and how members leave again,
// pkg/cli asks the same program beside real servers; here it is asked once more where there is time, as are more cuts of the link. That
// processes die on the way is for the chain.
func TestAReplicaSetMovesAndComesBackUnderLoadAndNoWriteIsLost(t *testing.T) {
	wanted(t)
	a := startApplication(t, "mongo")
	r, long := a.rig, os.Getenv("CUTOVER_LONG") != ""
	part := func(name string, f func(*testing.T)) {
		t.Helper()
		r.part(t, name, func(t *testing.T, _ *rig) { f(t); a.unharmed(t) })
	}
	first := a.config(t).Members
	joined := append(slices.Clone(first), hidden(world.New)...)
	if long {
		part("who cannot be a member is refused and leaves no trace", a.refuses)
		part("members join, and leave again", func(t *testing.T) {
			r.well(t, "apply", "--phase", "join")
			a.want(t, joined)
			r.well(t, "rollback", "--phase", "join")
			a.want(t, first)
		})
	}
	part("members join", func(t *testing.T) {
		r.well(t, "apply", "--phase", "join")
		a.want(t, joined)
	})
	part("workloads move until it is the primary's turn", func(t *testing.T) {
		for _, phase := range []string{"proxy", "routes", "migrate/first"} {
			r.well(t, "apply", "--phase", phase)
		}
	})
	part("the primary moves, though the link is cut just before the even split", func(t *testing.T) {
		a.cuts(t, beforeTheSplit)
		a.want(t, append(voting(world.New), hidden(world.Old)...))
	})
	part("it comes back, though the link is cut just after", func(t *testing.T) {
		a.cuts(t, homeAfterTheSplit)
		a.want(t, joined)
	})
	part("and moves again, though the link is cut within", func(t *testing.T) { a.cuts(t, inTheSplit) })
	if long {
		part("that on the way back too", func(t *testing.T) { a.cuts(t, homeInTheSplit) })
	}
	part("no acknowledged write is lost", a.end)
}

func hidden(c world.Cluster) []mongo.ConfigMember {
	var all []mongo.ConfigMember
	for _, host := range c.MongodHosts() {
		all = append(all, mongo.ConfigMember{Host: host, Hidden: true})
	}
	return all
}

func voting(c world.Cluster) []mongo.ConfigMember {
	var all []mongo.ConfigMember
	for _, host := range c.MongodHosts() {
		all = append(all, mongo.ConfigMember{Host: host, Votes: 1, Priority: 1})
	}
	return all
}

// config is the set's configuration.
func (a *application) config(t *testing.T) mongo.Config {
	t.Helper()
	c, err := mongo.Configuration(t.Context(), a.world)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sorted(all []mongo.ConfigMember) []mongo.ConfigMember {
	all = slices.Clone(all)
	slices.SortFunc(all, func(x, y mongo.ConfigMember) int { return strings.Compare(x.Host, y.Host) })
	return all
}

// want wants the set to have exactly these members.
func (a *application) want(t *testing.T, want []mongo.ConfigMember) {
	t.Helper()
	if got := sorted(a.config(t).Members); !slices.Equal(got, sorted(want)) {
		t.Errorf("the set is\n%+v\nwant\n%+v", got, sorted(want))
	}
}

// primaryIn wants a member in that cluster to take writes.
func (a *application) primaryIn(t *testing.T, c world.Cluster) {
	t.Helper()
	a.until(t, "a member in "+c.Name+" takes writes", settled, func() error { return mongo.TakesWrites(t.Context(), c) })
}

// unharmed wants no client that retries to have seen a failure, and no read to have missed what was acknowledged.
func (a *application) unharmed(t *testing.T) {
	t.Helper()
	c := a.writes.Counters()
	t.Logf("application: %+v", c)
	if c.FailedRetryable > 0 || c.Unseen > 0 {
		t.Errorf("%d writes failed although their client retries, %d reads missed an acknowledged write", c.FailedRetryable, c.Unseen)
	}
}

// end looks up every acknowledged write.
func (a *application) end(t *testing.T) {
	result, err := a.writes.Stop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if result.Lost > 0 || result.Writes < 500 {
		t.Errorf("%d of %d acknowledged writes are lost (at least 500 are wanted)", result.Lost, result.Writes)
	}
	moves, err := mongo.Handovers(a.world, time.Time{})
	if err != nil || len(moves) == 0 {
		t.Errorf("the members' logs know of %d moves of the primary (%v)", len(moves), err)
	}
	for _, m := range moves {
		t.Logf("%s -> %s: %d ms without a member that takes writes", m.From, m.To, m.Gap().Milliseconds())
	}
}

// endMongod kills a member as a crash does.
func (a *application) endMongod(t *testing.T, m mongo.Member) {
	t.Helper()
	ended(t, a.world, m.Name)
}

// startMongod starts a member with the files that it had, of a set of that name.
func (a *application) startMongod(t *testing.T, m mongo.Member, set, keyFile string) {
	t.Helper()
	if err := lab.Join(t.Context(), a.world, m.Daemon(a.world, set, keyFile)); err != nil {
		t.Fatal(err)
	}
	a.until(t, m.Host()+" answers", settled, func() error { return mongo.Answers(t.Context(), m) })
}
