package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
)

// linked is relayed with the phase link.
var linked = append(but(small, "rate: 40"), rehearse.Linked...)

// matrix is what a document of the tool says of the paths.
func matrix(t *testing.T, got rehearse.Result) (paths []rehearse.Reached, oneWay string) {
	t.Helper()
	paths, oneWay, err := rehearse.Reaches(got.Stdout)
	if err != nil {
		t.Fatalf("%v\n%s", err, got.Stderr)
	}
	for _, p := range paths {
		t.Logf("%s large %t %.1f ms %s", p, p.Large, p.Ms, p.Rule)
	}
	return paths, oneWay
}

// One lab, so one test: each part starts where the one before it ended.
func TestALinkThatIsClosedIsNamedAndThenPasses(t *testing.T) {
	lengthy(t)
	wanted(t)
	r := start(t, setting{out: "link", plan: linked, database: true})
	r.tool.Net = world.NetRunner
	link, err := wan.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the lab goes down
		if err := link.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	var rules map[string][]wan.Rule
	r.part(t, "every path is refused, and names the rule that is missing", func(t *testing.T, r *rig) { rules = namesRules(t, r) })
	r.part(t, "with these rules and no others every path passes", func(t *testing.T, r *rig) {
		for _, c := range world.Clusters() {
			openFor(t, link, c, rules[c.Name]...)
		}
		got := r.verb(t, "apply", "--phase", "link")
		paths, _ := matrix(t, got)
		if got.Failed() != nil || slices.ContainsFunc(paths, func(p rehearse.Reached) bool { return !p.Good() }) {
			t.Errorf("%v", got.Failed())
		}
	})
	r.part(t, "a link that is slow, and one that loses packets, pass too", func(t *testing.T, r *rig) {
		meanwhile(t, link, wan.Faults{Delay: 40 * time.Millisecond, Drop: 0.02}, func() {
			got := r.verb(t, "verify", "--phase", "link")
			paths, _ := matrix(t, got)
			if got.Failed() != nil || slices.ContainsFunc(paths, func(p rehearse.Reached) bool { return p.State == "open" && p.Ms < 80 }) {
				t.Errorf("there and back takes 80 ms: %v", got.Failed())
			}
		})
	})
	r.part(t, "one way only is said", func(t *testing.T, r *rig) {
		openFor(t, link, world.Old)
		defer openFor(t, link, world.Old, rules[world.Old.Name]...)
		got := r.verb(t, "verify", "--phase", "link")
		if _, oneWay := matrix(t, got); got.Code == 0 || !strings.Contains(oneWay, "one way only: old reaches new, and new does not reach old") {
			t.Errorf("exit code %d, %q\n%s", got.Code, oneWay, got.Stderr)
		}
	})
	r.part(t, "a way that loses large packets is told from one that is open", func(t *testing.T, r *rig) {
		meanwhile(t, link, wan.Faults{Largest: 1000}, func() {
			got := r.verb(t, "verify", "--phase", "link")
			paths, _ := matrix(t, got)
			if got.Code == 0 || !slices.ContainsFunc(paths, func(p rehearse.Reached) bool { return p.State == "only small packets" }) {
				t.Errorf("exit code %d\n%s", got.Code, got.Stderr)
			}
		})
	})
	r.part(t, "it is taken back, and no relay is left", func(t *testing.T, r *rig) {
		r.well(t, "verify", "--phase", "link")
		r.well(t, "rollback", "--phase", "link")
		relaysGone(t, r)
	})
}

// namesRules wants a no for every path while all is closed, and returns the rules that it names by the cluster they stand before.
func namesRules(t *testing.T, r *rig) map[string][]wan.Rule {
	t.Helper()
	got := r.verb(t, "apply", "--phase", "link")
	if got.Code != 3 {
		t.Fatalf("exit code %d\n%s", got.Code, got.Stderr)
	}
	paths, oneWay := matrix(t, got)
	if oneWay != "" {
		t.Errorf("neither way is open, and it says %q", oneWay)
	}
	rules, err := rehearse.Rules(paths)
	if err != nil {
		t.Error(err)
	}
	dialled := map[string]bool{}
	for _, p := range paths {
		if !strings.Contains(string(got.Stderr), p.Rule) {
			t.Errorf("%s: its rule is not told: %q", p, p.Rule)
		}
		dialled[p.To] = true
	}
	for _, c := range world.Clusters() { // what the plan needs, worked out here
		needed := append(c.MongodHosts(), c.Entry+":80", fmt.Sprintf("%s:%d", c.Inner, world.InnerPort))
		for _, at := range needed {
			if !dialled[at] {
				t.Errorf("nobody dialled %s", at)
			}
		}
	}
	return rules
}

func openFor(t *testing.T, link *wan.Link, c world.Cluster, rules ...wan.Rule) {
	t.Helper()
	if err := link.Open(context.WithoutCancel(t.Context()), c, rules...); err != nil {
		t.Fatal(err)
	}
}

// meanwhile lets both directions go wrong meanwhile.
func meanwhile(t *testing.T, link *wan.Link, f wan.Faults, do func()) {
	t.Helper()
	for _, c := range world.Clusters() {
		link.Go(c, f)
	}
	defer func() {
		for _, c := range world.Clusters() {
			link.Go(c, wan.Faults{})
			through, lost := link.Carried(c)
			t.Logf("from %s: %d packets came through, %d were lost", c.Name, through, lost)
		}
	}()
	do()
}
