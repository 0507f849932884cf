package migrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

// reading is what old's entry had sent to one Service at one moment, by the address where it shows its counters.
type reading struct {
	At     time.Time          `json:"at"`
	Totals map[string]float64 `json:"totals"`
}

func (r reading) total() (sum float64) {
	for _, n := range r.Totals {
		sum += n
	}
	return sum
}

// since says what came between two readings, "" for nothing.
func since(first, now reading) string {
	if !maps.EqualFunc(first.Totals, now.Totals, func(a, b float64) bool { return true }) {
		return "not the same counters were read"
	}
	sum := 0.0
	for at, n := range now.Totals {
		if n < first.Totals[at] {
			return "the counters at " + at + " started again, so nobody knows who came"
		}
		sum += n - first.Totals[at]
	}
	if sum == 0 {
		return ""
	}
	return fmt.Sprintf("%g requests came to old's entry since %s", sum, first.At.Format(time.RFC3339))
}

func few(lines []string) string {
	if more := len(lines) - 3; more > 0 {
		return strings.Join(lines[:3], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(lines, ", ")
}

// read reads what old's entry has sent to each Service. Without counters nobody could tell.
func (r residual) read(ctx context.Context) (map[ingress.Name]reading, error) {
	urls := parts.OldMetricsURLs(r.Plan.Spec.Entry)
	if len(urls) == 0 {
		return nil, fault.New(fault.Unsure, "give spec.tail, which sends late clients on to new, or spec.entry.oldMetrics, where old's entry counts them",
			"could not tell who still comes to old's entry: the plan has neither a tail nor metrics of it")
	}
	asked, err := r.requests(r.services)
	if err != nil {
		return nil, err
	}
	now := map[ingress.Name]reading{}
	for _, name := range r.services {
		now[name] = reading{At: time.Now().UTC().Truncate(time.Second), Totals: map[string]float64{}}
	}
	for _, url := range urls {
		counts, err := probe.ReadAll(ctx, probe.Counters{URL: url, Kind: r.Plan.Spec.Entry.OldMetrics.Kind, Dial: r.Reach.From(phase.Old).DialContext}, asked)
		if err != nil {
			return nil, fault.Wrap(fault.Unsure, "correct spec.entry.oldMetrics, or give spec.tail", err)
		}
		for i, c := range counts {
			now[r.services[i]].Totals[url] = c.Value
		}
	}
	return now, nil
}

// asks is how often a controller is asked whether it has counted our own requests, a second apart.
const asks = 5

// witness asks every path of some Services once at old's entry and wants to see it counted, before zero may mean that
// nobody came: another controller's counters, or those of one of two pods, stay at zero too. It returns the reading after.
func (r residual) witness(ctx context.Context, fresh []ingress.Name, before map[ingress.Name]reading) (map[ingress.Name]reading, error) {
	sent := r.ask(ctx, fresh)
	for try := 1; ; try++ {
		now, err := r.read(ctx)
		if err != nil {
			return nil, err
		}
		unseen := slices.DeleteFunc(slices.Clone(fresh), func(name ingress.Name) bool {
			n := now[name].total()
			return n > 0 && n-before[name].total() >= sent[name]
		})
		if len(unseen) == 0 {
			return now, nil
		}
		if name := unseen[0]; try == asks {
			return nil, fault.New(fault.Unsure, "let spec.entry.oldMetrics be the counters of every pod of old's entry, or give spec.tail",
				"could not tell who comes to old's entry for %s: it answered %g requests of ours, and its counters went from %g to %g",
				name, sent[name], before[name].total(), now[name].total())
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// ask asks every path of some Services once at every address of old's entry, and returns how many answers can only be the
// workload's. Where two routes are asked by the same path, it is not known which of them takes it.
func (r residual) ask(ctx context.Context, services []ingress.Name) map[ingress.Name]float64 {
	var targets []probe.Target
	owner := map[string]ingress.Name{}
	for _, route := range r.routes {
		name := ingress.Name{Namespace: route.Ingress.Namespace, Name: route.Service}
		if !slices.Contains(services, name) {
			continue
		}
		for _, t := range r.RouteTargets(phase.Old, route) {
			if other, taken := owner[t.Label()]; taken && other != name {
				owner[t.Label()] = ingress.Name{}
				continue
			}
			owner[t.Label()] = name
			targets = append(targets, t)
		}
	}
	sent := map[ingress.Name]float64{}
	if len(targets) == 0 {
		return sent
	}
	probe.Series{Targets: targets, Rate: r.Plan.Spec.Probe.Rate, Count: 1, On: func(t probe.Target, a probe.Answer, _ error) {
		if a.Class == probe.Answered && a.Status/100 == 2 {
			sent[owner[t.Label()]]++
		}
	}}.Run(ctx)
	return sent
}

// limit is how long a first reading may take.
func (r residual) limit() time.Duration {
	n := 0
	for _, route := range r.routes {
		n += len(r.RouteTargets(phase.Old, route))
	}
	return time.Minute + time.Duration(n/max(r.Plan.Spec.Probe.Rate, 1))*time.Second
}
