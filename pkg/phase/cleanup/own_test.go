package cleanup

import (
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

// everything of a workload that has moved: its Deployment is scaled to 0, its Ingress leads to the tail.
const everything = `
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}, spec: {ingressClassName: main, tls: [{hosts: [shop.lab.test], secretName: tls}], rules: [
  {host: shop.lab.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {
  serviceAccountName: web, containers: [{name: app, image: app, envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: keys}}, {configMapRef: {name: extra, optional: true}}]}]}}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {LEVEL: "1"}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: extra}, data: {LEVEL: "2"}}
---
{apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {KEY: canary-7}}
---
{apiVersion: v1, kind: Secret, metadata: {name: tls}, stringData: {tls.crt: a, tls.key: canary-8}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: web}}
`

// owned makes everything in old and its copies in new, freezes the inventory and asks for all kinds.
func owned(t *testing.T) Deps {
	t.Helper()
	d := deps(t)
	ns := d.Plan.Spec.Namespaces[0]
	var err error
	if d.Old, err = kube.Connect(t.Context(), phase.Old, kubetest.Lend(t).Kubeconfig, kube.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Old.Close)
	namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": ns}}}
	if _, err := d.Old.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	for doc := range strings.SplitSeq(everything, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		u.SetNamespace(ns)
		if _, err := d.Old.Create(t.Context(), u.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		if u.GetName() == "extra" { // optional, so it did not move
			continue
		}
		if _, err := d.New.Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if d.Inventory, err = inventory.Take(t.Context(), d.Old, d.Plan.Spec.Namespaces); err != nil {
		t.Fatal(err)
	}
	d.Plan.Spec.Cleanup = &plan.Cleanup{Delete: plan.Deletable}
	observed(t, d)
	return d
}

// observed says of new's Deployment what its controller would.
func observed(t *testing.T, d Deps) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubetest.Shared(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	at := client.Resource(kube.Deployment.GVR()).Namespace(d.Plan.Spec.Namespaces[0])
	patch := []byte(`{"status": {"observedGeneration": 1}}`)
	if _, err := at.Patch(t.Context(), "web", "application/merge-patch+json", patch, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutTheKindInThePlanNothingOfOldsOwnIsTouched(t *testing.T) {
	d := Deps{Plan: &plan.Plan{}, Inventory: frozen("shop")}
	if all := owns(d); len(all) != 0 || len(ownGroups(d, past{}, nil)) != 0 || len(ownAccess(d)) != 0 {
		t.Errorf("%d objects go", len(all))
	}
	d.Plan.Spec.Cleanup = &plan.Cleanup{Delete: []string{"Ingress"}}
	if all := owns(d); len(all) != 1 || all[0].ref.String() != "shop/Ingress/web" {
		t.Errorf("%v go", all)
	}
}

func TestWhatLeadsToOthersGoesBeforeThem(t *testing.T) {
	d := owned(t)
	d.Plan.Spec.Tail = &plan.Tail{Addresses: []string{"192.0.2.3"}, Port: 8080}
	var got []string
	for _, g := range ownGroups(d, past{}, nil) {
		for _, l := range g.Lanes {
			for _, s := range l {
				got = append(got, strings.ReplaceAll(s.ID, d.Plan.Spec.Namespaces[0]+"/", ""))
				if s.Final == "" || s.Revert != nil || s.Limit <= 0 || s.Knob == "" {
					t.Errorf("%s does not say that there is no way back", s.ID)
				}
			}
		}
	}
	want := "delete-own:old/Ingress/web delete:old/Ingress/cutover-keep delete:old/EndpointSlice/cutover-tail-1 delete:old/Service/cutover-tail " +
		"delete-own:old/HorizontalPodAutoscaler/web delete-own:old/PodDisruptionBudget/web delete-own:old/Service/web delete-own:old/Deployment/web " +
		"delete-own:old/ConfigMap/extra delete-own:old/ConfigMap/settings delete-own:old/Secret/keys delete-own:old/Secret/tls delete-own:old/ServiceAccount/web"
	if all := strings.Join(got, " "); all != want {
		t.Errorf("steps are\n%s, not\n%s", all, want)
	}
}

func TestWhatMovedAndIsAsItWasFrozenGoesAndTheRestStays(t *testing.T) {
	d := owned(t)
	ns := d.Plan.Spec.Namespaces[0]
	see(t, deletable(d), phase.Done)
	writes := 0
	for _, o := range owns(d) {
		if o.ref.Name == "extra" {
			see(t, o.step(), phase.Done)
			continue
		}
		seen := see(t, o.step(), phase.Pending)
		if strings.Contains(seen.Diff, "canary") || (o.kind == kube.Ingress) != (seen.Facts[goingFact] == true) {
			t.Errorf("%s shows %s and says %v", o.ref, seen.Diff, seen.Facts)
		}
		fresh := func() phase.Step {
			s := o.step()
			apply := s.Apply
			s.Apply = func(ctx context.Context) error {
				before, err := o.live(t.Context())
				if err == nil {
					err = apply(ctx)
				}
				if err == nil && before != nil {
					writes++
				}
				return err
			}
			return s
		}
		phasetest.TestStep(t, phasetest.World{Writes: func() int { return writes }}, fresh)
	}
	for _, k := range []kube.Kind{kube.Ingress, kube.HPA, kube.PDB, kube.Service, kube.Deployment, kube.Secret} {
		left, err := d.Old.List(t.Context(), k, ns)
		if err != nil || len(left) > 0 {
			t.Errorf("%d %s are left in old (%v)", len(left), k.Kind, err)
		}
		if there, err := d.New.List(t.Context(), k, ns); err != nil || len(there) == 0 {
			t.Errorf("no %s is left in new (%v)", k.Kind, err)
		}
	}
	if _, err := d.Old.Get(t.Context(), kube.ConfigMap, ns, "extra"); err != nil {
		t.Errorf("what never moved is gone: %v", err)
	}
}

func TestWhatSomebodyKeepsOrChangedOrNeedsIsNamedAndStays(t *testing.T) {
	d := owned(t)
	ns := d.Plan.Spec.Namespaces[0]
	change := func(c *kube.Cluster, kind kube.Kind, name, path string, value any) {
		t.Helper()
		live, err := c.Read(t.Context(), kind, ns, name)
		if err == nil {
			err = c.Patch(t.Context(), kind, ns, name, []kube.Op{
				{Op: "test", Path: "/metadata/uid", Value: string(live.GetUID())}, {Op: "add", Path: path, Value: value},
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	again := func(kind kube.Kind, name string) {
		t.Helper()
		u, err := d.Old.Read(t.Context(), kind, ns, name)
		if err == nil {
			err = d.Old.Delete(t.Context(), kind, ns, name, u.GetUID())
		}
		if err == nil {
			u = u.DeepCopy()
			u.SetUID("")
			u.SetResourceVersion("")
			_, err = d.Old.Create(t.Context(), u)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	again(kube.Service, "web")
	change(d.Old, kube.Ingress, "web", "/metadata/annotations", map[string]any{"meta.helm.sh/release-name": "shop"})
	change(d.Old, kube.PDB, "web", "/metadata/labels", map[string]any{"argocd.argoproj.io/instance": "shop"})
	change(d.Old, kube.HPA, "web", "/spec/maxReplicas", 9)
	change(d.Old, kube.ConfigMap, "settings", "/data/LEVEL", "canary-9")
	change(d.Old, kube.Deployment, "web", "/spec/replicas", 1)
	change(d.New, kube.Secret, "keys", "/data/KEY", "b3RoZXI=")
	change(d.Old, kube.ServiceAccount, "web", "/metadata/ownerReferences", []any{map[string]any{"apiVersion": "shop/v1", "kind": "Shop", "name": "main", "uid": "u"}})
	o := see(t, deletable(d), phase.Failed)
	for _, want := range []string{
		"Service/web: it stays: it was made anew or changed", "Ingress/web: it stays: it belongs to Helm release shop", "PodDisruptionBudget/web: it stays: it belongs to Argo CD",
		"HorizontalPodAutoscaler/web: it stays: it was made anew or changed", "ConfigMap/settings: it stays: it was made anew or changed",
		"Deployment/web: it stays: it runs in old: 1 pods wanted", "Secret/keys: it stays: its copy in new says something else",
		"ServiceAccount/web: it stays: it belongs to Shop/main",
	} {
		if !strings.Contains(o.Detail, want) {
			t.Errorf("it does not say %q: %s", want, o.Detail)
		}
	}
	if strings.Contains(o.Detail, "canary") || strings.Contains(o.Detail, "Secret/tls") {
		t.Errorf("it says too much: %s", o.Detail)
	}
	for _, o := range owns(d) {
		if seen, err := o.observe(t.Context()); err == nil && seen.State == phase.Failed {
			if err := o.step().Apply(t.Context()); err == nil {
				t.Errorf("%s was deleted although %s", o.ref, seen.Detail)
			}
		}
	}
	d.Plan.Spec.Cleanup.Delete = []string{"Secret", "Service"}
	if o := see(t, own{d, kube.Secret, plan.Ref{Namespace: ns, Kind: "Secret", Name: "tls"}}.step(), phase.Failed); !strings.Contains(o.Detail, "Ingress web stays and needs it") {
		t.Errorf("it says %q", o.Detail)
	}
}

func TestAnObjectThatChangesInTheLastMomentIsNotDeleted(t *testing.T) {
	d := owned(t)
	live, err := d.Old.Read(t.Context(), kube.ConfigMap, d.Plan.Spec.Namespaces[0], "settings")
	if err != nil {
		t.Fatal(err)
	}
	err = d.Old.Patch(t.Context(), kube.ConfigMap, live.GetNamespace(), "settings", []kube.Op{{Op: "add", Path: "/data/NEW", Value: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Old.DeleteUnchanged(t.Context(), kube.ConfigMap, live); !errors.Is(err, phase.ErrMoved) {
		t.Errorf("it was deleted: %v", err)
	}
	if _, err := parts.Live(t.Context(), d.Old, kube.ConfigMap, live.GetNamespace(), "settings"); err != nil {
		t.Error(err)
	}
}

func TestOnlyWhatThePlanNamesMayVanish(t *testing.T) {
	p := &plan.Plan{}
	p.Spec.Cleanup = &plan.Cleanup{Delete: []string{"Deployment", "Ingress"}}
	for object, want := range map[string]bool{
		"workload shop/Deployment/web": true, "ingress shop/web": true, "service shop/web": false, "workload shop/CronJob/web": false,
	} {
		if got := Expected(p, inventory.Change{What: inventory.Vanished, Object: object}); got != want {
			t.Errorf("%s may vanish: %v", object, got)
		}
		if Expected(p, inventory.Change{What: inventory.Changed, Object: object}) {
			t.Errorf("%s may change", object)
		}
	}
}
