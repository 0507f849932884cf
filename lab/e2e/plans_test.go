package e2e

import (
	"slices"
	"strings"
	"testing"
)

// hasty has the shortest windows instead of the demo's.
var hasty = []string{"watch: 3s", "watch: 1s", "drain: 3s", "drain: 1s", "status: 6s", "status: 1s", "residual: 3s", "residual: 1s"}

// calm is the road's plan: hasty, with proofs that ask faster and forgive a busy machine its latency.
var calm = slices.Concat(hasty, []string{"rate: 50", "rate: 100", "latency: 3", "latency: 20"})

// brisk is hasty with a lock that ends soon, and the demo's own bounds for what is too slow.
var brisk = slices.Concat(hasty, []string{"ttl: 30s", "ttl: 5s", "rate: 50", "rate: 200"})

// quick is calm with a lock that a dead process keeps for as short as can be.
var quick = append(slices.Clone(calm), "ttl: 30s", "ttl: 5s")

// slow is quick with a step that does nothing but wait for longer than any test of it takes: what it is tried on ends it.
var slow = but(quick, "status: 60s")

// What moves where it is a fault that is looked at: one workload, with the rest in a wave that is not come to.
const (
	loneSpace, loneOne = "shop", "live"
	loneWave           = "migrate/live"
)

// loneWorkload makes a plan of the demo's that has such a wave.
var loneWorkload = []string{
	"    - name: shop\n      workloads:\n        - shop/Deployment/web\n",
	"    - name: live\n      workloads: [shop/Deployment/live]\n    - name: rest\n      workloads:\n        - shop/Deployment/web\n",
	"    - name: live\n      workloads:\n        - shop/Deployment/live\n        - blog/Deployment/reports\n    - name: blog\n      workloads:\n",
	"        - blog/Deployment/reports\n",
}

// but is the plan of those pairs with another value for one of its fields.
func but(pairs []string, field string) []string {
	key, _, _ := strings.Cut(field, " ")
	pairs = slices.Clone(pairs)
	i := slices.IndexFunc(pairs, func(s string) bool { return strings.HasPrefix(s, key+" ") })
	pairs[i+1] = field
	return pairs
}

// under runs f on a plan of its own, which is the demo's but for those pairs.
func (r *rig) under(t *testing.T, name string, pairs []string, f func()) {
	t.Helper()
	r.with(r.plan(t, r.tool.Dir, name, pairs...), f)
}

// with runs f on another plan.
func (r *rig) with(plan string, f func()) {
	before := r.tool.Plan
	r.tool.Plan = plan
	defer func() { r.tool.Plan = before }()
	f()
}
