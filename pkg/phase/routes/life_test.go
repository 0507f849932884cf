package routes

import (
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

const olds = `{apiVersion: v1, kind: Secret, metadata: {name: shop-tls, namespace: shop}, type: Opaque, stringData: {tls.key: CANARY}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: plain, namespace: shop, annotations: {external-dns.alpha.kubernetes.io/ttl: "60"}},
 spec: {ingressClassName: main, rules: [{host: plain.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: shop}, spec: {ingressClassName: main,
 tls: [{hosts: [shop.test], secretName: shop-tls}], rules: [{host: shop.test, http: {paths: [
  {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}, {path: /api, pathType: Prefix, backend: {service: {name: api, port: {name: http}}}}]}}]}}`

// living is the phase between two real API servers, each with an entry that answers as its Ingresses say. The entries know
// no TLS, so the proofs of the host with a certificate are left out; its Ingress and its Secret are not.
func living(t *testing.T) (phasetest.World, func() phase.Phase) {
	t.Helper()
	old, around := kubetest.Start(t).Cluster(t, "shop"), kubetest.Shared(t).Cluster(t, "shop")
	old.Put(olds)
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces, p.Spec.Bridge.Marker = []string{"shop"}, "4f9c2a7e"
	p.Spec.Entry.Old = plan.Entry{Addresses: []string{"127.0.0.1"}, IngressClass: "main", HTTPPort: old.Entry(nil)}
	p.Spec.Entry.New = plan.Entry{
		Addresses: []string{"127.0.0.1"}, IngressClass: "main",
		HTTPPort: around.Entry(map[string]string{ingress.ProxyService: p.Spec.Bridge.Marker}),
	}
	d := Deps{Plan: p}
	for env, c := range map[string]struct {
		into   **kube.Cluster
		config string
	}{phase.Old: {&d.Old, old.Kubeconfig}, phase.New: {&d.New, around.Kubeconfig}} {
		connected, err := kube.Connect(t.Context(), env, c.config, kube.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(connected.Close)
		*c.into = connected
	}
	var err error
	if d.Inventory, err = inventory.Take(t.Context(), d.Old, p.Spec.Namespaces); err != nil {
		t.Fatal(err)
	}
	w := phasetest.World{
		Writes: func() int { return old.Writes() + around.Writes() },
		State:  func() any { return []any{old.Objects(), around.Objects()} },
		Turn:   func() { time.Sleep(5 * time.Millisecond) }, Slow: true,
	}
	return w, func() phase.Phase { return phasetest.Without(New(d), "prove:https:") }
}

func TestThePhaseGoesThereAndBackAndSurvivesEveryCrash(t *testing.T) {
	w, fresh := living(t)
	phasetest.TestPhase(t, w, fresh)
	if t.Failed() { // the engine would wait for what does not come
		return
	}
	w.Turn = nil // the engine waits by itself
	phasetest.TestCrashes(t, w, fresh)
}
