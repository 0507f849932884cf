package migrate

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

// residual is who still comes to old's public entry: what new sends to old enters by the bridge, so whatever old's own
// controller sends to a Service that has moved is a late client's.
type residual struct {
	wave
	name     string
	past     phase.Past
	services []ingress.Name
	routes   []ingress.Route
	off      func(context.Context) bool // nothing of it runs in old any more
}

func (m wave) residual(name string, units []unit, past phase.Past) residual {
	r := residual{wave: m, name: name, past: past}
	var refs []plan.Ref
	r.off = func(ctx context.Context) bool { return m.offInOld(ctx, refs) }
	for _, u := range units {
		refs = append(refs, u.Refs...)
		r.services = append(r.services, m.routed(u)...)
		r.routes = append(r.routes, m.routes(u)...)
	}
	return r
}

// measurable is the gate before anything is brought to new: what could not be waited for later should not begin.
func (m wave) measurable(levels [][]unit) []phase.Step {
	r := m.residual(m.Wave.Name, slices.Concat(levels...), nil)
	if m.Plan.Spec.Tail != nil || len(r.services) == 0 {
		return nil
	}
	return []phase.Step{{
		ID: "measured:old-entry", Title: "see that it can be measured who still comes to old's entry",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			if _, err := r.read(ctx); err != nil {
				return phase.Observation{}, err
			}
			return phase.Observation{State: phase.Done, Detail: "its controller shows what it counts"}, nil
		},
	}}
}

// steps are two proofs, because the window is longer than a job: the first writes down what was counted, the second
// compares with it. Of a Service that somebody came for in between, the next run's first begins the window again.
func (r residual) steps() phase.Lane {
	window := parts.Residual(r.Plan)
	whom := r.name
	if whom == r.Wave.Name {
		whom = "all of wave " + whom
	}
	return phase.Lane{
		{
			ID: "count:" + r.name, Title: "read what old's entry has counted for " + whom, Limit: r.limit(), Knob: window.Name,
			Observe: r.unlessOff(r.count),
		},
		{
			ID: "quiet:" + r.name, Title: fmt.Sprintf("see that for %s nobody comes to old's entry for %s", whom, window.Limit),
			Limit: parts.InProcess + time.Minute, Knob: window.Name, Observe: r.unlessOff(r.quiet),
		},
	}
}

// unlessOff asks no more of old's entry once old is off: what comes then is late for good, its controller may be gone, and
// a stretch in which old has ended must not be held up here.
func (r residual) unlessOff(ask func(context.Context) (phase.Observation, error)) func(context.Context) (phase.Observation, error) {
	return func(ctx context.Context) (phase.Observation, error) {
		o, err := ask(ctx)
		if (err != nil || o.State != phase.Done) && r.off(ctx) {
			return phase.Observation{State: phase.Done, Detail: "nothing of it runs in old any more"}, nil
		}
		return o, err
	}
}

// offInOld says whether none of the workloads with pods of their own is wanted in old. Could-not-tell is a no.
func (m wave) offInOld(ctx context.Context, refs []plan.Ref) bool {
	for _, ref := range refs {
		if ref.Kind == kube.CronJob.Kind {
			continue
		}
		kind, _ := kube.KindNamed(ref.Kind)
		u, err := m.Old.Get(ctx, kind, ref.Namespace, ref.Name)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return false
		case kind == kube.DaemonSet:
			if selector, _, _ := unstructured.NestedMap(u.Object, selectorPath...); selector[retiredSelector] == nil {
				return false
			}
		default:
			if n, found, _ := unstructured.NestedInt64(u.Object, "spec", "replicas"); !found || n > 0 {
				return false
			}
		}
	}
	return true
}

func fact(name ingress.Name) string { return "migrate.residual/" + name.String() }

// look reads what is counted now, and splits the Services into those that nobody came for since their first reading, which
// it returns, and the others.
func (r residual) look(ctx context.Context) (now, still map[ingress.Name]reading, came []string, err error) {
	if now, err = r.read(ctx); err != nil {
		return nil, nil, nil, err
	}
	still = map[ingress.Name]reading{}
	for _, name := range r.services {
		var first reading
		known, err := r.past.Fact(fact(name), &first)
		if err != nil {
			return nil, nil, nil, err
		}
		if !known {
			continue
		}
		if why := since(first, now[name]); why != "" {
			came = append(came, name.String()+": "+why)
			continue
		}
		still[name] = first
	}
	return now, still, came, nil
}

func (r residual) count(ctx context.Context) (phase.Observation, error) {
	now, still, came, err := r.look(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	fresh := slices.DeleteFunc(slices.Clone(r.services), func(name ingress.Name) bool { _, ok := still[name]; return ok })
	if len(fresh) > 0 {
		if now, err = r.witness(ctx, fresh, now); err != nil {
			return phase.Observation{}, err
		}
	}
	facts := map[string]any{}
	for _, name := range r.services {
		facts[fact(name)] = now[name]
		if first, ok := still[name]; ok {
			facts[fact(name)] = first
		}
	}
	detail := fmt.Sprintf("the window runs for %d Services", len(still))
	if len(fresh) > 0 {
		detail += fmt.Sprintf(", and begins for %d", len(fresh))
	}
	if len(came) > 0 {
		detail += "; " + few(came)
	}
	return phase.Observation{State: phase.Done, Detail: detail, Facts: facts}, nil
}

func (r residual) quiet(ctx context.Context) (phase.Observation, error) {
	_, still, came, err := r.look(ctx)
	if err != nil {
		return phase.Observation{}, err
	}
	window, at := parts.Residual(r.Plan).Limit, time.Now()
	switch {
	case len(came) > 0: // they are still served, by old
		return phase.Observation{State: phase.Settling, NotBefore: at.Add(window), Detail: few(came) + "; the next run begins the window again"}, nil
	case len(still) < len(r.services):
		return phase.Observation{State: phase.Settling, Detail: "there is no first reading yet"}, nil
	}
	var first time.Time
	for _, before := range still {
		if before.At.After(first) {
			first = before.At
		}
	}
	if o, runs := parts.StillRuns("nobody came", first, window, at); runs {
		return o, nil
	}
	return phase.Observation{State: phase.Done, Detail: "nobody came since " + first.Format(time.RFC3339)}, nil
}
