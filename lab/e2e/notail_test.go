package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/load"
	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// What the test without a tail moves: two workloads, and one that never runs twice.
const (
	lateWave  = "migrate/blog"
	exclusive = "media"
)

var late = []string{"blog", "comments", exclusive}

// withoutTail is the demo's plan with one namespace and no tail: old's entry counts who still comes to it. What is slow is
// in a wave that the test does not come to.
func withoutTail() setting {
	return setting{out: "e2e-without-tail", plan: []string{
		"namespaces: [shop, blog]", "namespaces: [blog]",
		"  tail: {addresses: [172.30.0.32], port: 8080, marker: 9b3e6d10}\n", "",
		"    new: {addresses: [172.30.0.31], ingressClass: main}\n",
		fmt.Sprintf("    new: {addresses: [172.30.0.31], ingressClass: main}\n    oldMetrics: {port: %d, kind: envoy}\n", world.CountersPort),
		`    - name: shop
      workloads:
        - shop/Deployment/web
        - shop/Deployment/cart # calls api, so it comes before it
        - shop/Deployment/api
    - name: live
      workloads:
        - shop/Deployment/live
        - blog/Deployment/reports
`, "",
		"blog/Deployment/media\n", "{ref: blog/Deployment/media, exclusive: true}\n",
		"blog/CronJob/newsletter, exclusive: true}\n", "blog/CronJob/newsletter, exclusive: true}\n    - {name: slow, workloads: [blog/Deployment/reports]}\n",
		"status: 6s", "status: 1s",
	}}
}

// Old may end only when nobody comes to its entry any more; until then it serves who does. Only what never runs twice has a
// gap, there and back.
func TestWithoutATailOldServesWhoStillComesUntilNobodyDoes(t *testing.T) {
	lengthy(t)
	wanted(t)
	r := start(t, withoutTail())
	r.apply(t, "proxy")
	r.apply(t, "routes")
	moved := r.blog(t)

	r.exits(t, waiting, "apply", "--phase", lateWave)
	r.lossless(t)
	for _, name := range late {
		if n := r.size(t, world.Old, name); n == 0 {
			t.Errorf("%s is off in old, while clients still come to old's entry", name)
		}
	}
	if n := r.size(t, world.New, exclusive); n != 0 {
		t.Errorf("%s, which never runs twice, runs in both clusters", exclusive)
	}
	if c := moved.Counters(); c.ByCluster[world.New.Name] == 0 || c.Lost > 0 {
		t.Errorf("clients of new: %d requests lost, answered by %v: %v", c.Lost, c.ByCluster, c.Bad)
	}
	stayed, err := r.load.Stop()
	if r.ended = true; err != nil {
		t.Error(err)
	}
	if stayed.Lost > 0 || stayed.ByCluster[world.Old.Name] == 0 {
		t.Errorf("clients of old: %d of %d requests lost, answered by %v: %v", stayed.Lost, stayed.Sent, stayed.ByCluster, stayed.Bad)
	}

	r.well(t, "apply", "--phase", lateWave)
	for _, name := range late {
		if n := r.size(t, world.Old, name); n != 0 {
			t.Errorf("%s still runs in old", name)
		}
	}
	r.well(t, "rollback", "--to", "routes")
	for _, name := range late {
		if n := r.size(t, world.Old, name); n == 0 {
			t.Errorf("%s did not come back in old", name)
		}
	}
	c, err := moved.Stop()
	if err != nil {
		t.Error(err)
	}
	t.Logf("clients of new: sent %d, lost %v, by cluster %v", c.Sent, c.ByTarget, c.ByCluster)
	for target, seen := range c.ByTarget {
		gap := strings.HasPrefix(target, "media.test")
		if gap != (seen.Lost > 0) {
			t.Errorf("%s lost %d of %d requests, and has a gap: %t: %v", target, seen.Lost, seen.Sent, gap, c.Bad)
		}
	}
}

// blog is a load of its own on what moves, at new's entry.
func (r *rig) blog(t *testing.T) *load.Load {
	t.Helper()
	roots, err := rehearse.Roots(r.world)
	if err != nil {
		t.Fatal(err)
	}
	targets := slices.DeleteFunc(rehearse.Targets(), func(o load.Target) bool { return o.Kind != load.Plain || !slices.Contains(late, o.Workload) })
	l, err := load.Start(t.Context(), load.Options{
		Targets: targets, Roots: roots, Ledger: r.file(t, "moved.jsonl"),
		Groups: []load.Group{{Name: "moved", Entry: rehearse.EntryOf(world.New), Rate: 30}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// size is how many replicas of a workload are wanted.
func (r *rig) size(t *testing.T, c world.Cluster, name string) int32 {
	t.Helper()
	d, err := r.client(t, c).AppsV1().Deployments("blog").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return *d.Spec.Replicas
}
