package inventory_test

import (
	"encoding/json"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
)

// Half of old's Ingress leads on to new when somebody adds a path to it. What is adopted has the path, and no tail.
func TestWhatIsAdoptedWhileATailStandsHasNoTail(t *testing.T) {
	frozen := take(t, read(t, "testdata/good.yaml"), "shop", "blog")
	c := read(t, "testdata/good.yaml")
	u := c.find(t, "Ingress", "shop")
	old, err := kube.As[networkingv1.Ingress](u)
	if err != nil {
		t.Fatal(err)
	}
	was := old.Spec.Rules[0].HTTP.Paths[0]
	old = ingress.Tailed(old, func(s string) bool { return s == was.Backend.Service.Name })
	added := *was.DeepCopy()
	added.Path = "/added"
	old.Spec.Rules[0].HTTP.Paths = append(old.Spec.Rules[0].HTTP.Paths, added)
	tailed, err := kube.From(kube.Ingress, old)
	if err != nil {
		t.Fatal(err)
	}
	u.Object = tailed.Object
	live := take(t, c, "shop", "blog")
	if err := inventory.Check(goodPlan(), live); err == nil {
		t.Fatal("what is there can be moved as it is, so this shows nothing")
	}
	adopted := inventory.Adopt(frozen, live)
	if err := inventory.Check(goodPlan(), adopted); err != nil {
		t.Errorf("what is adopted cannot be moved: %v", err)
	}
	if changes := inventory.Compare(adopted, live); len(changes) > 0 {
		t.Errorf("right after it was adopted: %v", changes)
	}
	text, err := json.Marshal(adopted)
	if err != nil || !slices.ContainsFunc(adopted.RoutesOf(ref("shop/Deployment/web")), func(r ingress.Route) bool { return r.Path == "/added" }) {
		t.Errorf("the added path was not taken in (%v): %s", err, text)
	}
}

func TestAnObjectThatWasMadeAnewCanBeAdopted(t *testing.T) {
	c := read(t, "testdata/good.yaml")
	settings, web := c.find(t, "ConfigMap", "settings"), c.find(t, "Deployment", "web")
	settings.SetUID("a")
	web.SetUID("b")
	frozen := take(t, c, "shop", "blog")
	set(t, settings, "other", "data", "LEVEL")
	web.SetUID(types.UID("c"))
	live := take(t, c, "shop", "blog")
	if changes := inventory.Compare(frozen, live); len(changes) > 0 {
		t.Errorf("that keeps a phase from running: %v", changes)
	}
	var got []string
	for _, change := range inventory.Remade(frozen, live) {
		got = append(got, change.String())
	}
	want := []string{settings.GetNamespace() + "/ConfigMap/settings changed: it was made anew, or its content changed", "shop/Deployment/web changed: it was made anew"}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("remade: %q, want %q", got, want)
	}
	if left := inventory.Remade(inventory.Adopt(frozen, live), live); len(left) > 0 {
		t.Errorf("right after it was adopted: %v", left)
	}
}
