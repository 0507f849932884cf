package bench

import (
	"fmt"
	"slices"
	"testing"
)

const (
	mostMiB = 256
	rounds  = 3
)

// BenchmarkRoutes measures routes, plan and verify for 1,000 and for 5,000 Ingresses in 50 namespaces.
func BenchmarkRoutes(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b, scope{Ingresses: n, Workloads: 1000, Namespaces: 50})
			of := fmt.Sprintf(", %d Ingresses", n)
			var apply, kubectl, lists, routes, plans, verifies series
			w.warm(b)
			for range rounds {
				lists.add(run(b, w.task("list")))
				plans.add(run(b, w.task("plan")))
			}
			compare(b, "plan against LIST"+of, 3, plans, lists)
			for i := range rounds {
				apply.add(run(b, w.task("apply")))
				w.clear(b)
				kubectl.add(w.kubectl(b))
				w.clear(b)
				routes.add(run(b, w.task("routes")))
				if i+1 < rounds { // what the last one made is verified
					w.clear(b)
				}
			}
			compare(b, "routes against client-go"+of, 1.3, routes, apply)
			lists = series{}
			for range rounds {
				lists.add(run(b, w.task("list")))
				verifies.add(run(b, w.task("verify")))
			}
			compare(b, "verify against LIST"+of, 3, verifies, lists)
			against(b, "routes against kubectl apply --server-side"+of, 0.5, median(routes.seconds), median(kubectl.seconds), "s")
			atMost(b, "peak memory of plan"+of, mostMiB, plans.peak, "MiB")
			atMost(b, "peak memory of routes"+of, mostMiB, routes.peak, "MiB")
			atMost(b, "peak memory of verify"+of, mostMiB, verifies.peak, "MiB")
		})
	}
}

// BenchmarkWavePlans measures the plan, and nothing but the plan, of every one of ten waves of 2,000 workloads, in one process.
func BenchmarkWavePlans(b *testing.B) {
	w := newWorld(b, scope{Ingresses: 2000, Workloads: 2000, Namespaces: 50, Waves: 10})
	got := run(b, w.task("waves"))
	fmt.Printf("%d steps of ten waves planned in %.1f s\n", got.Count, got.Seconds)
	atMost(b, "peak memory of planning ten waves of 2000 workloads", mostMiB, got.MiB, "MiB")
}

// BenchmarkWaves measures ten waves of 2,000 workloads, each moved by a process of its own after all that went before: what is
// written and waited for, without what asks entries and pods.
func BenchmarkWaves(b *testing.B) {
	w := newWorld(b, scope{Ingresses: 2000, Workloads: 2000, Namespaces: 50, Waves: 10})
	run(b, w.task("routes"))
	attend(b, w.old)
	attend(b, w.new)
	var waves series
	for i := range w.scope.Waves {
		t := w.task("wave")
		t.Wave = i
		got := run(b, t)
		fmt.Printf("wave %d: %d steps applied in %.1f s, %.0f MiB\n", i, got.Count, got.Seconds, got.MiB)
		waves.add(got)
	}
	atMost(b, "peak memory of applying a wave of 200 of 2000 workloads, ten waves", mostMiB, waves.peak, "MiB")
}

// warm lets both API servers and the disk see the work once.
func (w *world) warm(b *testing.B) {
	b.Helper()
	run(b, w.task("apply"))
	w.clear(b)
	run(b, w.task("list"))
}

// series are repetitions of one measurement.
type series struct {
	seconds, cpu []float64
	peak         float64
}

func (s *series) add(t took) {
	s.seconds, s.cpu = append(s.seconds, t.Seconds), append(s.cpu, t.CPU)
	s.peak = max(s.peak, t.MiB)
}

// compare notes the time and, for a machine that is not ours alone, the work.
func compare(b *testing.B, name string, target float64, ours, floor series) {
	b.Helper()
	against(b, name, target, median(ours.seconds), median(floor.seconds), "s")
	against(b, name+", CPU time of client and servers", target, median(ours.cpu), median(floor.cpu), "s")
}

func median(all []float64) float64 {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
