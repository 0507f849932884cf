package names

import (
	"cmp"
	"context"
	"errors"
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

// LateFact is, by zone, what old's entry had counted when the names were seen swapped and, in its place, once no cache that
// keeps to the rules could lead there any more: who comes after that does not follow its names.
const LateFact = "dns.late/"

// Counted is what old's entry had sent at one moment: by the address where it shows its counters, and by Service. What it never
// sent anything to is left out. The zero value is a moment at which nobody could count.
type Counted struct {
	At     time.Time                     `json:"at"`
	Totals map[string]map[string]float64 `json:"totals,omitempty"`
}

// Late is what came to old's entry for some hosts since a moment. Several are told together where one Service answers for them,
// or one tail: a controller counts what it sends where, and seldom for whom.
type Late struct {
	Hosts    []string
	Requests float64
	Since    time.Time
	Why      string // not "": Requests is not all that came
}

// CountLate reads what old's entry has sent so far to the Services behind the hosts of some zones, and to the tail.
func CountLate(ctx context.Context, d parts.Deps, scopes ...Scope) (Counted, error) {
	e := d.Plan.Spec.Entry
	urls := parts.OldMetricsURLs(e)
	if len(urls) == 0 {
		return Counted{}, fault.New(fault.Unsure, "give spec.entry.oldMetrics, where old's entry counts its requests", "the plan has no metrics of old's entry")
	}
	asked := sourcesOf(d, scopes...)
	requests := make([]probe.Requests, len(asked))
	for i, a := range asked {
		requests[i] = a.requests
	}
	now := Counted{At: time.Now().UTC(), Totals: map[string]map[string]float64{}}
	for _, url := range urls {
		counts, err := probe.ReadAll(ctx, probe.Counters{URL: url, Kind: e.OldMetrics.Kind, Dial: d.Reach.From(phase.Old).DialContext}, requests)
		if err != nil {
			return Counted{}, fault.Wrap(fault.Unsure, "correct spec.entry.oldMetrics", err)
		}
		totals := map[string]float64{}
		for i, c := range counts {
			if c.Value != 0 {
				totals[asked[i].name()] = c.Value
			}
		}
		now.Totals[url] = totals
	}
	return now, nil
}

// source is one Service of old that its entry sends requests to, and whose they may be.
type source struct {
	requests probe.Requests
	hosts    []string
}

func (s source) name() string { return s.requests.Namespace + "/" + s.requests.Service }

// sourcesOf lists the Services behind the hosts of zones, and the tail of each namespace with one of them. Every host of a
// Service is told, those of other zones too.
func sourcesOf(d parts.Deps, scopes ...Scope) []source {
	moves := func(host string) bool {
		return slices.ContainsFunc(scopes, func(s Scope) bool { return slices.Contains(s.Names, host) })
	}
	behind := map[string]map[string]bool{} // hosts, by Service and by namespace
	ours := map[string]bool{}
	for i := range d.Inventory.Ingresses {
		object := &d.Inventory.Ingresses[i].Object
		for _, r := range ingress.Routes(object) {
			host := cmp.Or(strings.ToLower(r.Host), "*")
			for _, name := range []string{object.Namespace + "/" + r.Service, object.Namespace} {
				if behind[name] == nil {
					behind[name] = map[string]bool{}
				}
				behind[name][host] = true
				ours[name] = ours[name] || moves(host)
			}
		}
	}
	var all []source
	for _, service := range d.Inventory.Services {
		if name := service.Name.String(); ours[name] && len(service.Ports) > 0 {
			all = append(all, source{parts.Requests(service), slices.Sorted(maps.Keys(behind[name]))})
		}
	}
	if _, ok := parts.Tail(d.Plan); !ok {
		return all
	}
	for _, ns := range d.Plan.Spec.Namespaces {
		if ours[ns] {
			all = append(all, source{parts.TailRequests(ns), slices.Sorted(maps.Keys(behind[ns]))})
		}
	}
	return all
}

// Residual says what came to old's entry since its first reading: nothing where no name was swapped. Requests of cutover itself,
// which asks there as well, are among it.
func Residual(ctx context.Context, d parts.Deps, past phase.Past) ([]Late, error) {
	scopes, err := Of(d)
	if err != nil {
		return nil, err
	}
	var swapped []Scope
	var first []Counted // of each
	for _, s := range scopes {
		var at time.Time
		var before Counted
		_, err := past.Fact(SwappedFact+s.Zone.Name, &at)
		_, failed := past.Fact(LateFact+s.Zone.Name, &before)
		switch {
		case err != nil || failed != nil:
			return nil, errors.Join(err, failed)
		case at.IsZero():
			continue
		}
		swapped, first = append(swapped, s), append(first, before)
	}
	if len(swapped) == 0 {
		return nil, nil
	}
	now, err := CountLate(ctx, d, swapped...) // once: what a controller shows is long
	if err != nil {
		return nil, err
	}
	var all []Late
	told := map[string]bool{}
	for i, s := range swapped {
		if first[i].At.IsZero() {
			return nil, fault.New(fault.Unsure, "", "old's entry could not be counted when zone %s was swapped", s.Zone.Name)
		}
		fresh := slices.DeleteFunc(sourcesOf(d, s), func(a source) bool { return told[a.name()] })
		for _, a := range fresh {
			told[a.name()] = true
		}
		all = append(all, since(first[i], now, fresh)...)
	}
	slices.SortStableFunc(all, func(a, b Late) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), slices.Compare(a.Hosts, b.Hosts))
	})
	return all, nil
}

// since compares two readings, and puts together what is of the same hosts.
func since(first, now Counted, sources []source) []Late {
	var all []Late
	for _, a := range sources {
		i := slices.IndexFunc(all, func(l Late) bool { return slices.Equal(l.Hosts, a.hosts) })
		if i < 0 {
			i = len(all)
			all = append(all, Late{Hosts: a.hosts, Since: first.At})
		}
		for url, totals := range now.Totals {
			before, read := first.Totals[url]
			n, was := totals[a.name()], before[a.name()]
			switch {
			case !read:
				all[i].Why = "the counters at " + url + " were not read before"
			case n < was: // since then it can be told
				all[i].Why = "the counters at " + url + " started again, or are not shown any more"
				all[i].Requests += n
			default:
				all[i].Requests += n - was
			}
		}
	}
	return all
}
