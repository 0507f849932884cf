package cleanup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/probe"
)

// asked is the proof by requests: every route, asked once at every address of new's entry, is answered past the bridge.
func asked(d Deps) phase.Lane {
	var targets []probe.Target
	for i := range d.Inventory.Ingresses {
		for _, r := range ingress.Routes(&d.Inventory.Ingresses[i].Object) {
			if r.Host != "" {
				targets = append(targets, d.RouteTargets(phase.New, r)...)
			}
		}
	}
	rate := max(d.Plan.Spec.Probe.Rate, 1)
	within := parts.Routes(d.Plan).Plus(3 * time.Duration(len(targets)/rate+30) * time.Second)
	return phase.Lane{{
		ID: "prove:local", Title: fmt.Sprintf("see that new answers %d routes without the bridge", len(targets)), Limit: within.Limit, Knob: within.Name,
		Intent: map[string]any{"marker": d.Plan.Spec.Bridge.Marker},
		Observe: func(ctx context.Context) (phase.Observation, error) {
			l := probe.Series{Targets: targets, Rate: rate, Count: 1, Judge: func(_ probe.Target, a probe.Answer) error {
				if a.Via == d.Plan.Spec.Bridge.Marker {
					return errors.New("answered through the bridge")
				}
				return nil
			}}.Run(ctx)
			if ctx.Err() != nil {
				return phase.Observation{}, context.Cause(ctx)
			}
			facts := map[string]any{probe.FactPrefix + Name: l}
			switch err := l.Check(0, 0); {
			case l.Sent == 0:
				return phase.Observation{State: phase.Failed, Detail: "there is no route to ask: no evidence"}, nil
			case err != nil:
				return phase.Observation{State: phase.Settling, Detail: err.Error()}, nil
			}
			return phase.Observation{State: phase.Done, Detail: l.String(), Facts: facts}, nil
		},
	}}
}
