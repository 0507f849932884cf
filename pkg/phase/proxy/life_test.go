package proxy

import (
	"os"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

const oldsIngress = `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: shop}, spec: {ingressClassName: main, rules: [
 {host: shop.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}`

// living is the phase on real API servers. One server is both clusters: nothing that the phase makes has the same name in
// both. The entry of new answers the keeper host as old's echo would. Nobody plays the bridge itself, so the proof that asks
// it directly is left out.
func living(t *testing.T) (phasetest.World, Deps) {
	t.Helper()
	around := kubetest.Lend(t).Cluster(t, "shop", "cutover-system")
	around.Put(oldsIngress)
	d := deps(t)
	d.Plan.Spec.Namespaces = []string{"shop"}
	for env, c := range map[string]**kube.Cluster{phase.Old: &d.Old, phase.New: &d.New} {
		var err error
		if *c, err = kube.Connect(t.Context(), env, around.Kubeconfig, kube.Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*c).Close)
	}
	var err error
	if d.Inventory, err = inventory.Take(t.Context(), d.Old, d.Plan.Spec.Namespaces); err != nil {
		t.Fatal(err)
	}
	d.Plan.Spec.Entry.New = plan.Entry{
		Addresses: []string{"127.0.0.1"}, IngressClass: "main",
		HTTPPort: around.Entry(map[string]string{ingress.ProxyService: d.Plan.Spec.Bridge.Marker}),
	}
	d.Plan.Spec.Windows.Status = plan.Duration(time.Millisecond)
	w := phasetest.World{
		Writes: around.Writes, State: func() any { return around.Objects() }, Turn: func() { time.Sleep(5 * time.Millisecond) }, Slow: true,
	}
	return w, d
}

func TestThePhaseGoesThereAndBackAndSurvivesEveryCrash(t *testing.T) {
	w, d := living(t)
	fresh := func() phase.Phase { return phasetest.Without(New(d), "prove:plain") }
	phasetest.TestPhase(t, w, fresh)
	if t.Failed() { // the engine would wait for what does not come
		return
	}
	d.Plan.Spec.Bridge.Manifests, d.Plan.Spec.Tail = "", nil // more of the same kind of steps
	w.Turn = nil                                             // the engine waits by itself
	phasetest.TestCrashes(t, w, fresh)
}
