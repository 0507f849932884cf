// Package parts holds what the phases that deal with HTTP share: the objects of the proxy, the tail and the keeper, where
// to send a probe, how long things may take, and a few kinds of steps. It must not decide what a phase does or in which
// order, and imports no phase.
package parts

import (
	"cmp"
	"time"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/reach"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/zone"
)

// Deps is what a phase is made of.
type Deps struct {
	Plan      *plan.Plan
	Inventory *inventory.Inventory // the frozen one
	Old, New  *kube.Cluster
	NewGone   bool // new is gone for good (break-glass): its entry can show nothing
	Zones     []*zone.Zone
	Now       bool         // a rehearsal: caches are not waited for
	Mongo     *replset.Set // nil: CUTOVER_MONGODB_URI is not set
	Reach     reach.Sides  // who dials what is inside a cluster
}

// Name is the name of the plan.
func (d Deps) Name() string { return d.Plan.Metadata.Name }

// EchoNamespace is where the echo and old's keeper Ingress live.
func (d Deps) EchoNamespace() string {
	if ns := d.Plan.Spec.Bridge.Echo.Namespace; ns != "" || len(d.Plan.Spec.Namespaces) == 0 {
		return ns
	}
	return d.Plan.Spec.Namespaces[0]
}

// Knob is how long something may take, and what in the plan to raise.
type Knob struct {
	Limit time.Duration
	Name  string
}

// What the windows are where the plan leaves them out.
const (
	defaultReady    = 10 * time.Minute
	defaultRoutes   = time.Minute
	defaultStatus   = 3 * time.Minute
	defaultResidual = 24 * time.Hour
)

// Ready is how long a workload may take to become ready.
func Ready(p *plan.Plan) Knob { return knob(p.Spec.Windows.Ready, defaultReady, "windows.ready") }

// Routes is how long a controller may take to obey a changed route.
func Routes(p *plan.Plan) Knob { return knob(p.Spec.Windows.Routes, defaultRoutes, "windows.routes") }

// Status is how long the bridge is watched.
func Status(p *plan.Plan) Knob { return knob(p.Spec.Windows.Status, defaultStatus, "windows.status") }

// Residual is how long nothing may come to the old entry any more.
func Residual(p *plan.Plan) Knob {
	return knob(p.Spec.Windows.Residual, defaultResidual, "windows.residual")
}

func knob(d plan.Duration, otherwise time.Duration, name string) Knob {
	return Knob{cmp.Or(time.Duration(d), otherwise), name}
}

// Plus allows d more: for the requests themselves, in a wait for what they show.
func (k Knob) Plus(d time.Duration) Knob { return Knob{k.Limit + d, k.Name} }
