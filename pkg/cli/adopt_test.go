package cli_test

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// Somebody adds a path to old's Ingress while all of it is sent on to new. It can be taken in, and the tail is not taken in
// with it.
func TestWhatChangesInOldIsAdoptedWhileATailStands(t *testing.T) {
	w := newWorld(t)
	w.moved(t, false)
	u, err := w.connect(t, phase.Old).Read(t.Context(), kube.Ingress, "shop", "web")
	if err != nil {
		t.Fatal(err)
	}
	ing, err := kube.As[networkingv1.Ingress](u)
	if err != nil {
		t.Fatal(err)
	}
	added := *ing.Spec.Rules[0].HTTP.Paths[0].DeepCopy()
	if added.Backend.Service.Name != ingress.TailService {
		t.Fatalf("no tail stands: %s", render(t, ing.Spec))
	}
	added.Path, added.Backend.Service = "/added", &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}
	ing.Spec.Rules[0].HTTP.Paths = append(ing.Spec.Rules[0].HTTP.Paths, added)
	w.patch(t, "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/web", map[string]any{"spec": map[string]any{"rules": ing.Spec.Rules}})
	code, out, errs := w.run(t, []string{"adopt"})
	if code != 0 || !strings.Contains(out, "path shop.example.com/added") {
		t.Errorf("adopt: code %d\n%s%s", code, out, errs)
	}
	for _, env := range []string{phase.New, phase.Old} {
		frozen, err := cluster.New(w.connect(t, env), "cutover-system", "two").LoadBlob(t.Context(), "inventory")
		if err != nil || !strings.Contains(string(frozen), `"/added"`) || strings.Contains(string(frozen), ingress.TailService) {
			t.Errorf("in %s is frozen (%v): %s", env, err, frozen)
		}
	}
	if code, out, errs := w.run(t, []string{"adopt"}); code != 0 || out != "" || !strings.Contains(errs, "nothing changed") {
		t.Errorf("adopt again: code %d\n%s%s", code, out, errs)
	}
}
