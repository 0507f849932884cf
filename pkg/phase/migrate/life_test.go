package migrate

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// besideWeb is a workload of every kind, and everything that can go along with one. Its Ingress leads to two of them.
const besideWeb = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: full, namespace: shop}, spec: {replicas: 2, selector: {matchLabels: {app: full}},
 template: {metadata: {labels: {app: full}}, spec: {serviceAccountName: full, containers: [{name: app, image: "app:1", envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: keys}}]}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: full, namespace: shop}, spec: {selector: {app: full}, ports: [{name: http, port: 80, targetPort: 8080}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: both, namespace: shop}, spec: {ingressClassName: main, rules: [{host: both.test, http: {paths: [
 {path: /, pathType: Prefix, backend: {service: {name: full, port: {name: http}}}}, {path: /web, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {level: debug}}
---
{apiVersion: v1, kind: Secret, metadata: {name: keys, namespace: shop}, stringData: {key: CANARY}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: full, namespace: shop}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: full, namespace: shop}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: full, namespace: shop}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: full}, subjects: [{kind: ServiceAccount, name: full, namespace: shop}]}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: full, namespace: shop}, spec: {podSelector: {matchLabels: {app: full}}, ingress: [{}]}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: full, namespace: shop}, spec: {maxReplicas: 4, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: full}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: full, namespace: shop}, spec: {minAvailable: 1, selector: {matchLabels: {app: full}}}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, namespace: shop}, spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: app, image: "app:1"}]}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: digest, namespace: shop}, spec: {schedule: "0 0 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: "app:1"}]}}}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: worker, namespace: shop}, spec: {replicas: 1, selector: {matchLabels: {app: worker}}, template: {metadata: {labels: {app: worker}}, spec: {containers: [{name: app, image: "app:1"}]}}}}`

// besideWebMoves are the changes that this takes, with web.
const besideWebMoves = `
apply:new/NS/ConfigMap/settings
apply:new/NS/CronJob/digest
apply:new/NS/DaemonSet/agent
apply:new/NS/Deployment/full
apply:new/NS/Deployment/web
apply:new/NS/Deployment/worker
apply:new/NS/HorizontalPodAutoscaler/full
apply:new/NS/NetworkPolicy/full
apply:new/NS/PodDisruptionBudget/full
apply:new/NS/Role/full
apply:new/NS/RoleBinding/full
apply:new/NS/Secret/keys
apply:new/NS/Service/full
apply:new/NS/Service/web
apply:new/NS/ServiceAccount/full
scale:new/NS/Deployment/worker
scale:old/NS/DaemonSet/agent
scale:old/NS/Deployment/full
scale:old/NS/Deployment/web
scale:old/NS/Deployment/worker
suspend:new/NS/CronJob/digest
suspend:old/NS/CronJob/digest
swap:new/NS/Ingress/both+NS/Deployment/full
swap:new/NS/Ingress/both+NS/Deployment/web
swap:new/NS/Ingress/web+NS/Deployment/web
tail:old/NS/Ingress/both+NS/Deployment/full
tail:old/NS/Ingress/both+NS/Deployment/web
tail:old/NS/Ingress/web+NS/Deployment/web
`

// everyStep takes a wave of everything there and back, with every step living its life in its place.
func everyStep(t *testing.T, servers [2]*kubetest.Server) {
	const ns = "living"
	c := between(t, servers, ns, plan.Workload{})
	c.old.Put(in(ns, besideWeb))
	var err error
	if c.deps.Inventory, err = inventory.Take(t.Context(), c.deps.Old, c.deps.Plan.Spec.Namespaces); err != nil {
		t.Fatal(err)
	}
	both, _ := c.deps.Inventory.Ingress(ns, "both")
	u, err := kube.From(kube.Ingress, ingress.Desired(&both.Object, nil, c.deps.Inventory.Target(both.Name(), "main")))
	if err == nil {
		kube.Own(u, c.deps.Name())
		err = c.deps.New.Apply(t.Context(), u)
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &c.deps.Plan.Spec.Waves[0]
	for _, kindAndName := range []string{"Deployment/full", "DaemonSet/agent", "CronJob/digest", "Deployment/worker"} {
		kind, name, _ := strings.Cut(kindAndName, "/")
		w.Workloads = append(w.Workloads, plan.Workload{Ref: plan.Ref{Namespace: ns, Kind: kind, Name: name}, Exclusive: name == "worker"})
	}
	groups, err := New(c.deps, *w).Steps(t.Context(), found{})
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	for _, g := range groups {
		for _, l := range g.Lanes {
			for _, s := range l {
				if s.Apply != nil {
					changes = append(changes, strings.ReplaceAll(s.ID, ns, "NS"))
				}
			}
		}
	}
	slices.Sort(changes)
	if d := cmp.Diff(strings.Fields(besideWebMoves), changes); d != "" {
		t.Fatal(d)
	}
	c.lives(t)
}

// everyCrash kills a wave of one workload with a route and a tail.
func everyCrash(t *testing.T, servers [2]*kubetest.Server) {
	c := between(t, servers, "crashing", plan.Workload{})
	c.deps.Plan.Spec.Probe.Samples, c.deps.Plan.Spec.Probe.Rate = 2, 500
	w := phasetest.World{
		Writes: func() int { return c.old.Writes() + c.around.Writes() },
		State:  func() any { return []any{c.old.Objects(), c.around.Objects()} }, Slow: true,
	}
	phasetest.TestCrashes(t, w, func() phase.Phase { return phasetest.Without(New(c.deps, c.deps.Plan.Spec.Waves[0]), "warm:") })
}
