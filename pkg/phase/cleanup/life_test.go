package cleanup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/kube/ready"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// What cutover built, as far as it matters to who deletes it: %s is the metadata of an object of ours.
const (
	builtInOld = `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: cutover-keeper, namespace: echo, %[1]s}, spec: {rules: [{host: keeper.test}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: cutover-echo, namespace: echo, %[1]s}, spec: {ports: [{port: 80}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: cutover-echo, namespace: echo, %[1]s}, spec: {selector: {matchLabels: {app: echo}}, template: {metadata: {labels: {app: echo}}, spec: {containers: [{name: echo, image: cutover}]}}}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: cutover-keep, %[1]s}, spec: {rules: [{host: keep.test}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: cutover-tail-1, %[1]s}, addressType: IPv4, endpoints: [{addresses: [172.30.0.32]}]}
---
{apiVersion: v1, kind: Service, metadata: {name: cutover-tail, %[1]s}, spec: {ports: [{port: 80}]}}`
	builtInNew = `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: cutover-keeper, %[1]s}, spec: {rules: [{host: keeper.test}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: cutover-proxy-1, %[1]s}, addressType: IPv4, endpoints: [{addresses: [172.30.0.22]}]}
---
{apiVersion: v1, kind: Service, metadata: {name: cutover-proxy, %[1]s}, spec: {ports: [{port: 80}]}}`
	labels = `labels: {app.kubernetes.io/managed-by: cutover, cutover.dev/plan: demo}`
)

// end is two API servers as they are before the phase: everything is in both, and what cutover built is there.
type end struct {
	old, new *kubetest.Cluster
	d        Deps
}

// living makes it. Nothing counts requests, so of quiet only time is left, and that is over at once, since readings are to
// the second; and nobody answers them, so the proof by requests is left out.
func living(t *testing.T) *end {
	t.Helper()
	const ns = "living"
	e := &end{old: kubetest.Lend(t).Cluster(t, ns, "echo"), new: kubetest.Shared(t).Cluster(t, ns)}
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces = []string{ns}
	p.Spec.Entry.New = plan.Entry{Addresses: []string{"192.0.2.2"}, IngressClass: "main"}
	p.Spec.Bridge = plan.Bridge{Addresses: []string{"172.30.0.22"}, Port: 8080, Marker: "4f9c2a7e", Echo: plan.Echo{Image: "cutover", Namespace: "echo"}}
	p.Spec.Tail = &plan.Tail{Addresses: []string{"172.30.0.32"}, Port: 8080}
	p.Spec.Windows.Residual = -1
	p.Spec.Cleanup = &plan.Cleanup{Delete: plan.Deletable}
	e.d.Plan = p
	e.reset(t)
	return e
}

// reset makes what the phase deleted again, and new connections, whose views know it.
func (e *end) reset(t *testing.T) {
	t.Helper()
	_, copies, _ := strings.Cut(everything, "\n---\n") // all but the Ingress
	e.old.Put(everything + "\n---\n" + fmt.Sprintf(builtInOld, labels))
	e.new.Put(copies + "\n---\n" + fmt.Sprintf(builtInNew, labels))
	e.connect(t)
	var err error
	if e.d.Inventory, err = inventory.Take(t.Context(), e.d.Old, e.d.Plan.Spec.Namespaces); err != nil {
		t.Fatal(err)
	}
	lead(t, e.d, true)
	for {
		web, err := e.d.New.Get(t.Context(), kube.Deployment, "living", "web")
		if err != nil {
			t.Fatal(err)
		}
		if state, _ := ready.Of(web); state == phase.Done {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (e *end) connect(t *testing.T) {
	t.Helper()
	for env, c := range map[string]struct {
		into **kube.Cluster
		way  string
	}{phase.Old: {&e.d.Old, e.old.Kubeconfig}, phase.New: {&e.d.New, e.new.Kubeconfig}} {
		if *c.into != nil {
			(*c.into).Close()
		}
		connected, err := kube.Connect(t.Context(), env, c.way, kube.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(connected.Close)
		*c.into = connected
	}
}

func TestThePhaseComesToItsEndAndSurvivesEveryCrash(t *testing.T) {
	e := living(t)
	w := phasetest.World{
		Writes: func() int { return e.old.Writes() + e.new.Writes() },
		State:  func() any { return []any{e.old.Objects(), e.new.Objects()} },
		Turn:   func() { time.Sleep(5 * time.Millisecond) },
		Slow:   true, Reset: func() { e.reset(t) },
	}
	fresh := func() phase.Phase { return phasetest.Without(New(e.d), "prove:local") }
	phasetest.TestPhase(t, w, fresh)
	if t.Failed() { // the engine would wait for what does not come
		return
	}
	e.d.Plan.Spec.Cleanup.Delete = []string{"Ingress", "Deployment"} // the others are more of the same kind of steps
	w.Reset()
	w.Turn = nil // the engine waits by itself
	phasetest.TestCrashes(t, w, fresh)
}
