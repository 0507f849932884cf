package cli_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/migrate"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
)

const (
	swapID = "swap:new/shop/Ingress/web+shop/Deployment/web"
	tailID = "tail:old/shop/Ingress/web+shop/Deployment/web"
	downID = "scale:old/shop/Deployment/web"
)

// moved brings both clusters to where migrate/shop leaves them, as far as API servers alone can, with the journal of it in
// new and its copy in old. There are no controllers: what they would say stands in the status. With cutOff, the run died
// before it could write down that the tail is there.
func (w *world) moved(t *testing.T, cutOff bool) {
	t.Helper()
	old, in := w.connect(t, phase.Old), w.connect(t, phase.New)
	p, err := plan.Load(w.plan)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Take(t.Context(), old, p.Spec.Namespaces)
	if err != nil {
		t.Fatal(err)
	}
	if inv.Controllers, err = inventory.FindControllers(t.Context(), old, in, "main", "main"); err != nil {
		t.Fatal(err)
	}
	frozen, err := json.Marshal(inv)
	if err != nil {
		t.Fatal(err)
	}
	entries := past(t, migrate.New(parts.Deps{Plan: p, Inventory: inv, Old: old, New: in}, p.Spec.Waves[0]), p.Digest())
	if cutOff {
		entries = slices.DeleteFunc(entries, func(e journal.Entry) bool {
			return e.Step == tailID && e.What == journal.Done || e.Phase == "migrate/shop" && e.What == journal.Finished
		})
	}
	for _, k := range []*kube.Cluster{in, old} {
		s := cluster.New(k, p.Spec.State.Namespace, p.Metadata.Name)
		_, version, err := s.Load(t.Context())
		if err == nil {
			_, err = s.Append(t.Context(), version, entries)
		}
		if err == nil {
			err = s.SaveBlob(t.Context(), "inventory", frozen, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	was := &inv.Ingresses[0].Object
	all := func(string) bool { return true }
	led := routed(t, ingress.Desired(was, all, inv.Target(ingress.NameOf(was), "main")))
	kube.Own(led, p.Metadata.Name)
	if _, err := in.Create(t.Context(), led); err != nil {
		t.Fatal(err)
	}
	w.patch(t, "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/web", map[string]any{"spec": routed(t, ingress.Tailed(was, all)).Object["spec"]})
	const web = "/apis/apps/v1/namespaces/shop/deployments/web"
	w.patch(t, web, map[string]any{"spec": map[string]any{"replicas": 0}})
	w.patch(t, web+"/status", map[string]any{"status": map[string]any{"observedGeneration": 99}})
}

// past is the journal of a phase of which everything is done, after two others that are.
func past(t *testing.T, p phase.Phase, digest string) []journal.Entry {
	t.Helper()
	entries := []journal.Entry{{Phase: "proxy", What: journal.Finished, Plan: digest}, {Phase: "routes", What: journal.Finished, Plan: digest}}
	log, err := journal.Open(t.Context(), &journal.Memory{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := p.Steps(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	was := map[string]string{swapID: `{"moved":[]}`, tailID: `{"moved":[]}`, downID: `{"value":1}`}
	for _, g := range groups {
		for _, l := range g.Lanes {
			for _, s := range l {
				if s.Apply != nil && was[s.ID] != "" { // the rest was found done
					e := journal.Entry{Phase: p.Name, Step: s.ID, Gen: 1, What: journal.Begun, Was: json.RawMessage(was[s.ID])}
					for _, o := range s.Touches {
						e.Touches = append(e.Touches, o.String())
					}
					entries = append(entries, e)
				}
				entries = append(entries, journal.Entry{Phase: p.Name, Step: s.ID, Gen: 1, What: journal.Done})
			}
		}
	}
	return append(entries, journal.Entry{Phase: p.Name, What: journal.Finished})
}

func routed(t *testing.T, ing *networkingv1.Ingress) *unstructured.Unstructured {
	t.Helper()
	u, err := kube.From(kube.Ingress, ing)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) connect(t *testing.T, env string) *kube.Cluster {
	t.Helper()
	k, err := kube.Connect(context.WithoutCancel(t.Context()), env, w.servers[env].Kubeconfig, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// create makes objects of one cluster from YAML documents.
func (w *world) create(t *testing.T, env, text string) {
	t.Helper()
	k := w.connect(t, env)
	for _, doc := range strings.Split(text, "---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// patch changes an object of old past the tool, as a controller does.
func (w *world) patch(t *testing.T, path string, change any) {
	t.Helper()
	s := w.servers[phase.Old]
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	body, err := json.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, s.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/merge-patch+json")
	r.Header.Set("Authorization", "Bearer token-admin")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("patch %s: %s, %v", path, resp.Status, err)
	}
}

// entries is the journal as it is in one cluster.
func (w *world) entries(t *testing.T, env string) []journal.Entry {
	t.Helper()
	all, _, err := cluster.New(w.connect(t, env), "cutover-system", "two").Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func render(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
