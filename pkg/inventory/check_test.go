package inventory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/plan"
)

func planOf(class string, waves ...[]plan.Workload) *plan.Plan {
	p := &plan.Plan{}
	p.Spec.Namespaces = []string{"shop", "blog"}
	p.Spec.Entry.Old.IngressClass, p.Spec.Entry.New.IngressClass = class, "main"
	for i, wave := range waves {
		p.Spec.Waves = append(p.Spec.Waves, plan.Wave{Name: string(rune('a' + i)), Workloads: wave})
	}
	return p
}

func wave(names ...string) []plan.Workload {
	var out []plan.Workload
	for _, r := range refs(names...) {
		out = append(out, plan.Workload{Ref: r})
	}
	return out
}

// goodPlan is one that testdata/good.yaml passes: who calls whom is in one wave, or accepted.
func goodPlan() *plan.Plan {
	p := planOf("main", wave("shop/Deployment/web", "shop/Deployment/api", "shop/StatefulSet/cart"), wave("blog/Deployment/blog", "blog/CronJob/digest"))
	p.Spec.Waves[0].Workloads[0].Callers = inventory.Accepted
	p.Spec.Waves[1].Workloads[1].Callees = inventory.Accepted
	return p
}

// refusals splits an error of Check into its lines.
func refusals(err error) []string {
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		return nil
	}
	var out []string
	for _, e := range many.Unwrap() {
		out = append(out, e.Error())
	}
	return out
}

func TestAPlanThatCanMovePasses(t *testing.T) {
	if err := inventory.Check(goodPlan(), take(t, read(t, "testdata/good.yaml"), "shop", "blog")); err != nil {
		t.Error(err)
	}
}

func TestEverythingThatCannotMoveIsSaidAtOnceWithTheWayOut(t *testing.T) {
	p := planOf("nginx", wave("shop/Deployment/web", "shop/StatefulSet/db", "shop/Deployment/nowhere", "shop/Deployment/queue"), wave("shop/Deployment/api"))
	p.Spec.Tail = &plan.Tail{}
	inv := take(t, read(t, "testdata/zoo.yaml"), "shop")
	inv.Controllers = inventory.Controllers{Old: "k8s.io/ingress-nginx", New: "traefik.io/ingress-controller"}
	err := inventory.Check(p, inv)
	if fault.CodeOf(err) != fault.Refused {
		t.Fatalf("code %d of %v", fault.CodeOf(err), err)
	}
	lines := refusals(err)
	for _, line := range lines {
		if reason, way, found := strings.Cut(line, "; way out: "); !found || reason == "" || way == "" {
			t.Errorf("no way out: %s", line)
		}
	}
	golden(t, "testdata/zoo.golden", strings.Join(lines, "\n")+"\n")
	golden(t, "testdata/zoo.warnings", strings.Join(inventory.Warnings(p, inv), "\n")+"\n")
}

// TestOneThingThatIsWrongIsOneRefusal breaks the good plan or its cluster in one place each.
func TestOneThingThatIsWrongIsOneRefusal(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spoil      func(t *testing.T, p *plan.Plan, c *cluster)
	}{
		{"a caller stays behind", "which calls it, stays in old until wave b", func(_ *testing.T, p *plan.Plan, _ *cluster) {
			p.Spec.Waves[0].Workloads[0].Callers = ""
		}},
		{"a callee is outside", "whose namespace does not move", func(_ *testing.T, p *plan.Plan, _ *cluster) {
			p.Spec.Waves[1].Workloads[1].Callees = ""
		}},
		{"a callee comes later", "which is in new only from wave b on", func(_ *testing.T, p *plan.Plan, _ *cluster) {
			p.Spec.Waves = planOf("", wave("shop/Deployment/web", "shop/StatefulSet/cart"), wave("shop/Deployment/api")).Spec.Waves
			p.Spec.Waves[1].Workloads = append(p.Spec.Waves[1].Workloads, goodPlan().Spec.Waves[1].Workloads...)
			p.Spec.Waves[0].Workloads[0].Callers = inventory.Accepted
		}},
		{"a callee never runs twice", "which moves in the same wave and never runs twice", func(_ *testing.T, p *plan.Plan, _ *cluster) {
			p.Spec.Waves[0].Workloads[2].Exclusive = true // cart, which web calls
		}},
		{"a workload is in no wave", "is in no wave", func(_ *testing.T, p *plan.Plan, _ *cluster) {
			p.Spec.Waves[1].Workloads = p.Spec.Waves[1].Workloads[:1]
		}},
		{"a wave names nobody", "which is not in old", func(_ *testing.T, p *plan.Plan, _ *cluster) {
			p.Spec.Waves[0].Workloads = append(p.Spec.Waves[0].Workloads, wave("shop/Deployment/x")...)
		}},
		{"a namespace is empty", "has neither workloads nor Ingresses", func(_ *testing.T, p *plan.Plan, _ *cluster) {
			p.Spec.Namespaces = append(p.Spec.Namespaces, "empty")
		}},
		{"a volume", "volumes that outlive its pods (data)", func(t *testing.T, _ *plan.Plan, c *cluster) {
			volumes := []any{map[string]any{"name": "v", "persistentVolumeClaim": map[string]any{"claimName": "data"}}}
			if err := unstructured.SetNestedSlice(c.find(t, "Deployment", "api").Object, volumes, "spec", "template", "spec", "volumes"); err != nil {
				t.Fatal(err)
			}
		}},
		{"an owner", "kept as it is by Argo CD", func(t *testing.T, _ *plan.Plan, c *cluster) {
			c.find(t, "Deployment", "api").SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "x"})
		}},
		{"a half rewriting Ingress", "can only move together", func(t *testing.T, p *plan.Plan, c *cluster) {
			c.find(t, "Ingress", "shop").SetAnnotations(map[string]string{"nginx.ingress.kubernetes.io/enable-cors": "true"})
			p.Spec.Waves[1].Workloads = append(p.Spec.Waves[1].Workloads, p.Spec.Waves[0].Workloads[1])
			p.Spec.Waves[0].Workloads = slices.Delete(p.Spec.Waves[0].Workloads, 1, 2)
			p.Spec.Waves[0].Workloads[0].Callees = inventory.Accepted
		}},
		{"a node port", "is of type NodePort", func(t *testing.T, _ *plan.Plan, c *cluster) {
			_ = unstructured.SetNestedField(c.find(t, "Service", "cart").Object, "NodePort", "spec", "type")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, old := goodPlan(), read(t, "testdata/good.yaml")
			c.spoil(t, p, old)
			inv := take(t, old, append(p.Spec.Namespaces, "shop")...)
			inv.Controllers.Old = "traefik.io/ingress-controller" // so that nginx annotations are nobody's
			lines := refusals(inventory.Check(p, inv))
			if len(lines) != 1 || !strings.Contains(lines[0], c.want) {
				t.Errorf("got:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

func TestWhoTakesTheGapOfACalleeMayHaveItInTheSameWave(t *testing.T) {
	p, inv := goodPlan(), take(t, read(t, "testdata/good.yaml"), "shop", "blog")
	p.Spec.Waves[0].Workloads[2].Exclusive = true
	p.Spec.Waves[0].Workloads[0].Callees = inventory.Accepted
	if err := inventory.Check(p, inv); err != nil {
		t.Error(err)
	}
}

func TestWhoProvidesTheCopyProvidesItsVolumes(t *testing.T) {
	p, old := goodPlan(), read(t, "testdata/good.yaml")
	claims := []any{map[string]any{"metadata": map[string]any{"name": "data"}}}
	if err := unstructured.SetNestedSlice(old.find(t, "StatefulSet", "cart").Object, claims, "spec", "volumeClaimTemplates"); err != nil {
		t.Fatal(err)
	}
	inv := take(t, old, "shop", "blog")
	if len(refusals(inventory.Check(p, inv))) != 1 {
		t.Fatal("the volumes of cart are not refused")
	}
	p.Spec.Waves[0].Workloads[2].Source = "existing"
	if err := inventory.Check(p, inv); err != nil {
		t.Error(err)
	}
}

func TestASuspendedKeeperIsBelieved(t *testing.T) {
	old := read(t, "testdata/good.yaml")
	old.find(t, "Ingress", "shop").SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "x", inventory.Paused: "paused"})
	if err := inventory.Check(goodPlan(), take(t, old, "shop", "blog")); err != nil {
		t.Error(err)
	}
}

func TestAKeeperOfAnIngressMattersOnlyToATail(t *testing.T) {
	old, p := read(t, "testdata/good.yaml"), goodPlan()
	old.find(t, "Ingress", "shop").SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "x"})
	inv := take(t, old, "shop", "blog")
	if err := inventory.Check(p, inv); err != nil {
		t.Errorf("old's Ingress stays as it is without a tail: %v", err)
	}
	p.Spec.Tail = &plan.Tail{}
	if lines := refusals(inventory.Check(p, inv)); len(lines) != 1 || !strings.Contains(lines[0], "take the tail out") {
		t.Errorf("with a tail: %q", lines)
	}
}

func TestABridgeThatReadsPrefixesOtherwiseThanNewIsWarnedOf(t *testing.T) {
	p, inv := goodPlan(), take(t, read(t, "testdata/good.yaml"), "shop", "blog")
	p.Spec.Tail, p.Spec.Bridge.Metrics = &plan.Tail{}, &plan.Metrics{Kind: "nginx"}
	warned := func() (lines []string) {
		for _, line := range inventory.Warnings(p, inv) {
			if strings.Contains(line, "circle") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	inv.Controllers.New = "traefik.io/ingress-controller"
	if lines := warned(); len(lines) != 1 || !strings.Contains(lines[0], "/cartx leads to service cart by one of them and to web by the other") || !strings.Contains(lines[0], "1 more") {
		t.Errorf("nginx before, Traefik after: %q", lines)
	}
	p.Spec.Bridge.Metrics.Kind = "traefik"
	if lines := warned(); len(lines) != 0 {
		t.Errorf("Traefik on both sides: %q", lines)
	}
	inv.Controllers.New = "k8s.io/ingress-nginx"
	if lines := warned(); len(lines) != 1 {
		t.Errorf("Traefik before, nginx after: %q", lines)
	}
	p.Spec.Tail = nil
	if lines := warned(); len(lines) != 0 {
		t.Errorf("without a tail nothing comes back to new: %q", lines)
	}
}
