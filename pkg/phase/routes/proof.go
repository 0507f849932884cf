package routes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

// certificateFor is how long a certificate in new must last: long enough to renew it in peace.
const certificateFor = 14 * 24 * time.Hour

// proofs is one lane for each host and path. A rule without host has no name to ask for; the inventory refuses it.
func proofs(d Deps) []phase.Lane {
	var lanes []phase.Lane
	seen := map[string]bool{}
	pace := parts.NewPace(d.Plan.Spec.Probe.Rate)
	for i := range d.Inventory.Ingresses {
		old := &d.Inventory.Ingresses[i].Object
		for _, r := range ingress.Routes(old) {
			if id := proofID(r); r.Host != "" && !seen[id] {
				seen[id] = true
				lanes = append(lanes, phase.Lane{(&question{d: d, old: old, route: r, pace: pace}).step()})
			}
		}
	}
	return lanes
}

func proofID(r ingress.Route) string { return "prove:" + address(r) }

// address is the route as a person would type it.
func address(r ingress.Route) string {
	host, path := r.Ask()
	if r.TLS {
		return "https://" + host + path
	}
	return "http://" + host + path
}

// question is whether new's entry answers one route as old's does.
type question struct {
	d     Deps
	old   *networkingv1.Ingress
	route ingress.Route
	pace  *parts.Pace
}

func (q *question) step() phase.Step {
	within := parts.Routes(q.d.Plan).Plus(3 * probe.DefaultTimeout)
	return phase.Step{
		ID: proofID(q.route), Title: "prove that new answers " + address(q.route) + " as old does",
		Limit: within.Limit, Knob: within.Name, Intent: map[string]any{"marker": q.d.Plan.Spec.Bridge.Marker},
		Observe: q.observe,
	}
}

// observe asks old's entry twice and every address of new's entry once. Old that does not answer is "could not tell",
// unless the Service has moved: then new has to be right by itself.
func (q *question) observe(ctx context.Context) (phase.Observation, error) {
	from, to := q.d.RouteTargets(phase.Old, q.route), q.d.RouteTargets(phase.New, q.route)
	if len(from) == 0 || len(to) == 0 {
		return phase.Observation{State: phase.Failed, Detail: "an entry has no address to ask"}, nil
	}
	moved, err := movedIn(ctx, q.d, q.old)
	if err != nil {
		return phase.Observation{}, err
	}
	local := moved[q.route.Service]
	if err := errors.Join(q.pace.Wait(ctx), q.pace.Wait(ctx)); err != nil {
		return phase.Observation{}, err
	}
	normal, unknown := probe.Baseline(ctx, from[0], 2)
	if unknown != nil && !local {
		return phase.Observation{}, unknown
	}
	for _, t := range to {
		if err := q.pace.Wait(ctx); err != nil {
			return phase.Observation{}, err
		}
		a := probe.Ask(ctx, t)
		wrong := q.certificate(a)
		if local {
			wrong = append(wrong, alone(a, normal, unknown)...)
		} else {
			wrong = append(wrong, proxied(a, normal, q.d.Plan.Spec.Bridge.Marker)...)
		}
		if len(wrong) > 0 {
			return phase.Observation{State: phase.Pending, Detail: address(q.route) + " at " + t.Addr + ": " + strings.Join(wrong, "; ")}, nil
		}
	}
	if local {
		return phase.Observation{State: phase.Done, Detail: "answered in new: Service " + q.route.Service + " has moved"}, nil
	}
	return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("status %d through the bridge, as in old", normal.Want.Status)}, nil
}

func (q *question) certificate(a probe.Answer) []string {
	host, _ := q.route.Ask()
	if !q.route.TLS {
		return nil
	}
	if why := a.CertProblem(host, certificateFor); why != "" {
		return []string{"certificate: " + why}
	}
	return nil
}

// proxied lists what is wrong with an answer that has to come through the bridge.
func proxied(a probe.Answer, normal probe.Normal, marker string) []string {
	wrong := said(normal.Differences(a))
	if a.Class == probe.Answered && a.Via != marker {
		wrong = append(wrong, fmt.Sprintf("%s is %q instead of the bridge's %q", probe.HeaderVia, a.Via, marker))
	}
	return wrong
}

// alone lists what is wrong with an answer of a Service that has moved. Old may no longer have it, so an answer that is
// fine in itself is right whatever old says, and a bad one only if old's is as bad.
func alone(a probe.Answer, normal probe.Normal, unknown error) []string {
	switch {
	case a.Class != probe.Answered:
		return []string{a.Err.Error()}
	case a.Status < http.StatusInternalServerError && a.Status != http.StatusNotFound:
		return nil
	case unknown != nil:
		return []string{fmt.Sprintf("status %d, and old could not be asked whether that is normal: %v", a.Status, unknown)}
	}
	return said(normal.Differences(a))
}

func said(differences []probe.Difference) []string {
	var all []string
	for _, d := range differences {
		all = append(all, d.String())
	}
	return all
}
