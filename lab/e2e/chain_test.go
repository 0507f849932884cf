package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/mongo"
	"cutover.dev/cutover/lab/names"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// chained is small with names that move as well, and a workload that answers at once in place of the slow one.
var chained = slices.Concat(atOnce(but(small, "residual: 3s")), namesOf("shop.test"))

func atOnce(pairs []string) []string {
	const slow, fast = "        - blog/Deployment/reports\n", "        - blog/Deployment/media\n"
	for i := 1; i < len(pairs); i += 2 {
		pairs[i] = strings.Replace(pairs[i], slow, fast, 1)
	}
	return append(pairs, fast, slow)
}

// namesOf is what a plan has where names move, but for a zone that has no host in scope.
func namesOf(without string) []string {
	pairs := names.Plan()
	for i := 1; i < len(pairs); i += 2 {
		var kept []string
		for line := range strings.Lines(pairs[i]) {
			if !strings.Contains(line, "{name: "+without+",") {
				kept = append(kept, line)
			}
		}
		pairs[i] = strings.Join(kept, "")
	}
	return pairs
}

// chain is the road of names and database, there and back in one piece.
type chain struct {
	*application
	h     *hunt
	plan  []string // what its plan has instead of the demo's
	began time.Time
}

// What is killed elsewhere (proxy, routes and a wave) is only passed on the way; all else is killed at every step boundary.
func TestNamesAndDatabaseMoveAndComeBackThroughAKillAtEveryStepBoundary(t *testing.T) {
	wanted(t)
	r := start(t, setting{out: "chain", plan: chained, names: true, database: true})
	r.withSecrets()
	w, err := rehearse.Application(t.Context(), r.file(t, "writes.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	// That a lock runs out by itself is waited for on the other road.
	c := &chain{&application{r, w}, &hunt{sorts: map[string]bool{}, buried: 1, each: true}, chained, time.Now()}
	set, zones, clusters := c.config(t), c.zones(t), r.snapshots(t)
	there := func(phase string) { t.Helper(); c.leg(t, phase, "apply", "--phase", phase) }
	back := func(phase string) { t.Helper(); c.leg(t, phase+" back", "rollback", "--phase", phase) }
	past := func(verb string, args ...string) {
		t.Helper()
		c.step(t, strings.Join(append([]string{verb}, args...), " "), func(t *testing.T) { r.well(t, verb, args...) })
	}
	there("ttl")
	there("join")
	past("apply", "--phase", "proxy")
	past("apply", "--phase", "routes")
	there("dns")
	past("apply", "--phase", "migrate/first")
	there("stepdown")
	c.step(t, "all of it is in new", func(t *testing.T) {
		c.primaryIn(t, world.New)
		c.want(t, append(voting(world.New), hidden(world.Old)...))
		c.lead(t, world.New)
	})
	back("stepdown")
	past("rollback", "--to", "dns")
	back("dns")
	past("rollback", "--to", "join")
	back("join")
	back("ttl")
	c.step(t, "all of it is as it was", func(t *testing.T) {
		c.primaryIn(t, world.Old)
		c.asItWas(t, set, zones)
		r.asBefore(t, clusters)
	})
	c.step(t, "nothing was written twice", func(t *testing.T) { c.once(t, set, zones) })
	c.step(t, "no secret is anywhere, those of zones and set among them", func(t *testing.T) { r.canaries(t) })
	c.step(t, "nothing is lost", func(t *testing.T) {
		t.Log(c.h)
		c.end(t)
		r.end(t)
	})
}

// step is a part that harms nobody.
func (c *chain) step(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	c.part(t, name, func(t *testing.T, _ *rig) { f(t); c.unharmed(t) })
}

// leg is a verb that is killed wherever a step begins or ends. Each process that comes back to join first looks for ten seconds
// whether somebody else changes the set, so there the second and third member get their kills only at length.
func (c *chain) leg(t *testing.T, name, verb string, args ...string) {
	t.Helper()
	every := name != "join" || os.Getenv("CUTOVER_LONG") != ""
	c.step(t, name, func(t *testing.T) {
		before := c.h.kills
		c.hunted(t, c.h, every, verb, args...)
		if n := c.h.kills - before; strings.HasPrefix(name, "stepdown") && n < 10 {
			t.Errorf("only %d processes were killed, and the votes move in more steps", n)
		}
	})
}

// lead wants every name in scope to lead to a cluster, at every name server.
func (c *chain) lead(t *testing.T, to world.Cluster) {
	t.Helper()
	for host, r := range c.zones(t).records {
		if r.Address.String() != to.Entry {
			t.Errorf("%s leads to %s and not to %s", host, r.Address, to.Entry)
		}
	}
}

// zoned is what name servers say: of each zone in scope which of its changes it is, and its records.
type zoned struct {
	serials map[string]int
	records map[string]names.Record // by server and host
}

func (c *chain) zones(t *testing.T) zoned {
	t.Helper()
	z := zoned{map[string]int{}, map[string]names.Record{}}
	for _, zone := range names.Zones() {
		if !slices.ContainsFunc(c.plan, func(s string) bool { return strings.Contains(s, "{name: "+zone.Name+",") }) {
			continue
		}
		serial, err := names.Primary.Serial(t.Context(), zone.Name)
		if err != nil {
			t.Fatal(err)
		}
		z.serials[zone.Name] = int(serial)
		for _, s := range []names.Server{names.Primary, names.Secondary} {
			for _, host := range zone.Hosts {
				r, err := s.Ask(t.Context(), host)
				if err != nil {
					t.Fatal(err)
				}
				z.records[s.Name+": "+host] = r
			}
		}
	}
	return z
}

// asItWas wants set and names to be what they were first.
func (c *chain) asItWas(t *testing.T, set mongo.Config, zones zoned) {
	t.Helper()
	c.want(t, set.Members)
	for host, is := range c.zones(t).records {
		if was := zones.records[host]; is != was {
			t.Errorf("%s has %+v, and had %+v", host, is, was)
		}
	}
}

// once wants API servers, name servers and the set to have got each change once: as many as the journal accounts for.
func (c *chain) once(t *testing.T, set mongo.Config, zones zoned) {
	t.Helper()
	c.writtenOnce(t, c.began)
	journal := c.exits(t, 0, "journal", "export").Stdout
	steps, err := changesIn(journal)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.config(t).Version-set.Version, steps["set"]; !accounted(got, want, steps[takenBack]) {
		t.Errorf("the set was reconfigured %d times for %d steps, %d of them taken back", got, want, steps[takenBack])
	}
	for zone, serial := range c.zones(t).serials {
		if got, want := serial-zones.serials[zone], steps[zone]; got != want || want == 0 {
			t.Errorf("zone %s was changed %d times for %d steps", zone, got, want)
		}
	}
	moves, err := mongo.Handovers(c.world, c.began)
	if err != nil {
		t.Fatal(err)
	}
	sides := 0
	for _, m := range moves {
		if slices.Contains(world.Old.MongodHosts(), m.From) != slices.Contains(world.Old.MongodHosts(), m.To) {
			sides++
		}
	}
	if sides != steps["moves"] || sides == 0 {
		t.Errorf("the primary went to the other side %d times for %d steps: %+v", sides, steps["moves"], moves)
	}
	t.Logf("changes in the journal: %v", steps)
}

// takenBack counts steps of the even split that a machine which was too slow for it went back from: how many changes that took,
// the journal does not say. Each step that was begun takes one at least.
const takenBack = "taken back"

// accounted: the set got its changes, and no more than the journal can tell of.
func accounted(changes, begun, back int) bool {
	return begun > 0 && changes >= begun && (changes == begun || back > 0)
}

// changesIn counts the changes of the set and of each zone that an exported journal accounts for. The way back of stepdown is steps
// of its own; of all others it is the end of the step.
func changesIn(journal []byte) (map[string]int, error) {
	n := map[string]int{}
	for line := range bytes.Lines(journal) {
		var e struct{ Step, What string }
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read the exported journal: %w", err)
		}
		kind, object, _ := strings.Cut(e.Step, ":")
		if kind == "replset" && e.What == "undoing" {
			n[takenBack]++
		}
		if e.What != "begun" && e.What != "reverted" {
			continue
		}
		switch {
		case kind == "ttl" || kind == "swap":
			n[object]++
		case kind == "join", kind == "replset" && e.What == "begun" && !strings.HasSuffix(object, "/primary"):
			n["set"]++
		case kind == "replset" && e.What == "begun":
			n["moves"]++
		}
	}
	return n, nil
}

func TestChangesAreCountedFromAJournal(t *testing.T) {
	var journal []byte
	for _, e := range [][2]string{
		{"ttl:a.test", "begun"},
		{"ttl:a.test", "done"},
		{"swap:a.test", "begun"},
		{"swap:a.test", "reverted"},
		{"join:h:1", "begun"},
		{"replset:rs0/3+1", "begun"},
		{"replset:rs0/2+3/primary", "begun"},
		{"replset:rs0/3+1", "reverted"},
		{"join:h:1", "reverted"},
	} {
		journal = fmt.Appendf(journal, "{\"step\":%q,\"what\":%q}\n", e[0], e[1])
	}
	got, err := changesIn(journal)
	if err != nil || len(got) != 3 || got["a.test"] != 3 || got["set"] != 3 || got["moves"] != 1 {
		t.Errorf("%v %v", got, err)
	}
}

func TestASetThatGotFewerChangesThanWereBegunIsSeen(t *testing.T) {
	for _, c := range []struct {
		changes, begun, back int
		want                 bool
	}{{9, 9, 0, true}, {10, 9, 0, false}, {10, 9, 1, true}, {8, 9, 0, false}, {8, 9, 1, false}, {0, 0, 0, false}, {3, 0, 1, false}} {
		if got := accounted(c.changes, c.begun, c.back); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
