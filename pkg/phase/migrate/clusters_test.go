package migrate

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

const webInOld = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 3, selector: {matchLabels: {app: web}},
 template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: "app:1"}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: shop}, spec: {ingressClassName: main, rules: [
 {host: shop.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}`

const webManifests = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 9, selector: {matchLabels: {app: web}},
 template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: "app:2", envFrom: [{configMapRef: {name: settings}}]}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}}`

// two is old and new on API servers of their own, each with an entry that answers as its Ingresses say. What old's entry
// is asked for is counted, and shown where the plan says.
type two struct {
	old, around *kubetest.Cluster
	deps        parts.Deps
	ref         plan.Ref
}

func between(t *testing.T, servers [2]*kubetest.Server, ns string, workload plan.Workload) two {
	t.Helper()
	c := two{old: servers[0].Cluster(t, ns), around: servers[1].Cluster(t, ns), ref: plan.Ref{Namespace: ns, Kind: "Deployment", Name: "web"}}
	c.old.Put(in(ns, webInOld))
	workload.Ref = c.ref
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces, p.Spec.Bridge.Marker = []string{ns}, "4f9c2a7e"
	p.Spec.Waves = []plan.Wave{{Name: "shop", Workloads: []plan.Workload{workload}}}
	none := 0
	p.Spec.Probe = plan.Probe{Rate: 1000, Samples: 5, Latency: 100, MaxLost: &none, MaxErrorRate: new(plan.Percent)}
	p.Spec.Windows = plan.Windows{
		Watch: plan.Duration(20 * time.Millisecond), Drain: plan.Duration(time.Millisecond), Residual: plan.Duration(time.Millisecond),
		Ready: plan.Duration(time.Minute), Routes: plan.Duration(time.Minute),
	}
	p.Spec.Tail = &plan.Tail{Addresses: []string{"192.0.2.3"}, Port: 8080, Marker: "9b3e6d10"}
	p.Spec.Entry.Old = plan.Entry{Addresses: []string{"127.0.0.1"}, IngressClass: "main", HTTPPort: c.old.Entry(map[string]string{ingress.TailService: p.Spec.Tail.Marker})}
	p.Spec.Entry.New = plan.Entry{
		Addresses: []string{"127.0.0.1"}, IngressClass: "main", HTTPPort: c.around.Entry(map[string]string{ingress.ProxyService: p.Spec.Bridge.Marker}),
	}
	counting(t, ns, &p.Spec.Entry)
	c.deps = parts.Deps{Plan: p}
	for env, at := range map[string]struct {
		into   **kube.Cluster
		config string
	}{phase.Old: {&c.deps.Old, c.old.Kubeconfig}, phase.New: {&c.deps.New, c.around.Kubeconfig}} {
		connected, err := kube.Connect(t.Context(), env, at.config, kube.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(connected.Close)
		*at.into = connected
	}
	var err error
	if c.deps.Inventory, err = inventory.Take(t.Context(), c.deps.Old, p.Spec.Namespaces); err != nil {
		t.Fatal(err)
	}
	c.routed(t)
	return c
}

// routed does what the phase routes did.
func (c two) routed(t *testing.T) {
	t.Helper()
	frozen := &c.deps.Inventory.Ingresses[0].Object
	u, err := kube.From(kube.Ingress, ingress.Desired(frozen, nil, c.deps.Inventory.Target(ingress.NameOf(frozen), "main")))
	if err == nil {
		kube.Own(u, c.deps.Name())
		err = c.deps.New.Apply(t.Context(), u)
	}
	if err != nil {
		t.Fatal(err)
	}
	if u, err = parts.KeeperInNew(c.deps.Plan, c.ref.Namespace); err == nil {
		kube.Own(u, c.deps.Name())
		err = c.deps.New.Apply(t.Context(), u)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// counting puts a counter before old's entry.
func counting(t *testing.T, ns string, e *plan.Entries) {
	t.Helper()
	behind, err := url.Parse(fmt.Sprintf("http://127.0.0.1:%d", e.Old.HTTPPort))
	if err != nil {
		t.Fatal(err)
	}
	var seen atomic.Int64
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind); r.Out.Host = r.In.Host }}
	e.Old.HTTPPort = phasetest.Listen(t, func(w http.ResponseWriter, r *http.Request) { seen.Add(1); proxy.ServeHTTP(w, r) })
	e.OldMetrics = &plan.Metrics{Kind: "traefik", Port: phasetest.Listen(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "# TYPE traefik_service_requests_total counter\ntraefik_service_requests_total{service=\"%s-web-80@kubernetes\"} %d\n", ns, seen.Load())
	})}
}

// lives takes the phase through the life cycle of every step, there and back.
func (c two) lives(t *testing.T) {
	t.Helper()
	w := phasetest.World{
		Writes: func() int { return c.old.Writes() + c.around.Writes() },
		State:  func() any { return []any{c.old.Objects(), c.around.Objects()} }, Turn: func() { time.Sleep(5 * time.Millisecond) },
	}
	// There are no pods to ask.
	phasetest.TestPhase(t, w, func() phase.Phase { return phasetest.Without(New(c.deps, c.deps.Plan.Spec.Waves[0]), "warm:") })
}

// until looks until the step is in that state, and says so in those words.
func until(t *testing.T, s phase.Step, want phase.State, words string) {
	t.Helper()
	for range 400 {
		o, err := s.Observe(t.Context())
		if err == nil && o.State == want && strings.Contains(o.Detail, words) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	o, err := s.Observe(t.Context())
	t.Fatalf("%s is %s: %s (%v), want %s with %q", s.ID, o.State, o.Detail, err, want, words)
}

func in(ns, text string) string { return strings.ReplaceAll(text, "namespace: shop", "namespace: "+ns) }

func TestBetweenTwoClusters(t *testing.T) {
	servers := [2]*kubetest.Server{kubetest.Lend(t), kubetest.Lend(t)}
	t.Run("a wave of everything goes there and back", func(t *testing.T) { everyStep(t, servers) })
	t.Run("a wave survives every crash", func(t *testing.T) { everyCrash(t, servers) })
	t.Run("an exclusive workload with a route goes there and back", func(t *testing.T) {
		c := between(t, servers, "exclusive", plan.Workload{Exclusive: true})
		c.lives(t)
		c.deps.Plan.Spec.Tail = nil
		c.lives(t)
	})
	t.Run("an exclusive workload without a tail survives every crash", func(t *testing.T) {
		c := between(t, servers, "exclusive-crash", plan.Workload{Exclusive: true})
		c.deps.Plan.Spec.Tail, c.deps.Plan.Spec.Probe.Samples = nil, 2
		w := phasetest.World{
			Writes: func() int { return c.old.Writes() + c.around.Writes() },
			State:  func() any { return []any{c.old.Objects(), c.around.Objects()} }, Slow: true,
		}
		phasetest.TestCrashes(t, w, func() phase.Phase { return phasetest.Without(New(c.deps, c.deps.Plan.Spec.Waves[0]), "warm:") })
	})
	t.Run("without a tail a wave goes there and back", func(t *testing.T) {
		c := between(t, servers, "tailless", plan.Workload{})
		c.deps.Plan.Spec.Tail = nil
		c.lives(t)
	})
	t.Run("what never runs twice is not off before its last pod has ended", func(t *testing.T) {
		lastPod(t, between(t, servers, "once", plan.Workload{Exclusive: true}))
	})
	t.Run("a Service has to have the endpoints of all that is behind it", func(t *testing.T) {
		crowded(t, between(t, servers, "crowded", plan.Workload{}))
	})
	t.Run("quotas of new that are too small are seen before anything is made", func(t *testing.T) {
		narrow(t, between(t, servers, "narrow", plan.Workload{}))
	})
	t.Run("committed manifests are applied at old's size, and what they lack must be in new", func(t *testing.T) {
		committedOnes(t, between(t, servers, "committed", plan.Workload{Source: manifests(t, in("committed", webManifests))}))
	})
}

// crowded counts one workload twice, which is as good as two of the same size behind one Service of which one has no endpoint.
func crowded(t *testing.T, c two) {
	m := wave{Deps: c.deps, Wave: c.deps.Plan.Spec.Waves[0]}
	u := m.levels([]plan.Ref{c.ref})[0][0]
	says := func(want string) {
		t.Helper()
		got := ""
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
			var err error
			if got, err = m.fully(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			if got == want {
				return
			}
		}
		t.Fatalf("it says %q, want %q", got, want)
	}
	says(c.ref.String() + " is not in new")
	c.around.Put(in(c.ref.Namespace, webInOld))
	says("")
	u.Refs = append(u.Refs, c.ref)
	says("service web has 3 of 6 ready endpoints")
	if short, err := m.any(t.Context(), u); err != nil || short != "" {
		t.Errorf("for what follows the first swap: %q %v", short, err)
	}
}

func lastPod(t *testing.T, c two) {
	m := wave{Deps: c.deps, Wave: c.deps.Plan.Spec.Waves[0]}
	past := found{}
	steps := m.retire(c.ref, past)
	off, on := steps[0], steps[1]
	past.Learn(see(t, off, phase.Pending))
	if m.offInOld(t.Context(), []plan.Ref{c.ref}) {
		t.Error("old counts as off before it is")
	}
	if err := off.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.old.Put(in("once", `{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, labels: {app: web}}, spec: {containers: [{name: app, image: "app:1"}]}}`))
	until(t, off, phase.Settling, "1 pods have not ended")
	pod, err := c.deps.Old.Read(t.Context(), kube.Pod, c.ref.Namespace, "web-1")
	if err == nil {
		err = c.deps.Old.Delete(t.Context(), kube.Pod, c.ref.Namespace, "web-1", pod.GetUID())
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, off, phase.Done, "no pod is left")
	if !m.offInOld(t.Context(), []plan.Ref{c.ref}) {
		t.Error("old is at 0, and does not count as off")
	}
	if n := past[sizeFact(c.ref)]; fmt.Sprint(n) != "3" {
		t.Errorf("the journal says that %v ran in old, want 3", n)
	}
	if o := see(t, on, phase.Settling); !strings.Contains(o.Detail, "not in new") {
		t.Errorf("where nobody made it, it says %q", o.Detail)
	}
}

func committedOnes(t *testing.T, c two) {
	groups, err := New(c.deps, c.deps.Plan.Spec.Waves[0]).Steps(t.Context(), found{})
	if err != nil {
		t.Fatal(err)
	}
	gate := groups[0].Before
	if len(gate) != 1 || gate[0].ID != "needed:new/committed/ConfigMap/settings" {
		t.Fatalf("%d gates", len(gate))
	}
	if o := see(t, gate[0], phase.Failed); !strings.Contains(o.Detail, "ConfigMap settings") || !strings.Contains(o.Detail, "envFrom") {
		t.Errorf("it says %q", o.Detail)
	}
	c.around.Put(in("committed", `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {level: debug}}`))
	see(t, gate[0], phase.Done)
	c.lives(t)
	m := wave{Deps: c.deps, Wave: c.deps.Plan.Spec.Waves[0]}
	if m.given, err = committed(c.deps.Plan, m.Wave); err != nil {
		t.Fatal(err)
	}
	want, err := m.wanted(t.Context(), m.Workloads[0])
	if err != nil {
		t.Fatal(err)
	}
	spec, _ := want.Object["spec"].(map[string]any)
	if n := fmt.Sprint(spec["replicas"]); n != "3" {
		t.Errorf("%s replicas are wanted in new: the manifest says 9, and 3 are ready in old", n)
	}
	if pods, err := carry.PodsOf(want); err != nil || pods.Spec.Containers[0].Image != "app:2" {
		t.Errorf("what is wanted is not the committed one: %+v (%v)", pods, err)
	}
}
