package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

const endpoint = `
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}},
 addressType: IPv4, ports: [{name: http, port: 80}], endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]}
`

func TestOldIsTakenBackWithoutNewFromAnExportedJournal(t *testing.T) {
	w := newWorld(t)
	w.moved(t, false)
	w.create(t, phase.Old, endpoint)
	const web = "/apis/apps/v1/namespaces/shop/deployments/web/status"
	w.patch(t, web, map[string]any{"status": map[string]any{"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}})
	want := func(name string, code int, text string, args ...string) string {
		t.Helper()
		got, out, errs := w.run(t, args)
		if got != code || !strings.Contains(out+errs, text) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s%s", name, got, code, text, out, errs)
		}
		return out + errs
	}
	_, exported, _ := w.run(t, []string{"journal", "export"})
	back := []string{"rollback", "--to", "routes", "--break-glass", "new burnt down"}
	want("new answers", 3, "leave --break-glass out", back...)
	w.servers[phase.New].Kill()
	want("an ordinary rollback", 7, "hint: only if new is gone for good: cutover rollback --plan "+w.plan+" --to routes --break-glass REASON", "rollback", "--to", "routes")
	dead := cluster.NewLease(w.connect(t, phase.Old), "cutover-system", "two", 5*time.Second)
	if err := dead.Acquire(t.Context(), "dead"); err != nil {
		t.Fatal(err)
	}
	unlock := []string{"unlock", "--break-glass", "new burnt down"}
	want("a lock that is left in old", 2, "--holder dead --break-glass 'new burnt down'", unlock...)
	want("and taken", 0, "taken from dead", append(unlock, "--holder", "dead")...)
	w.damage(t)
	want("a copy that is damaged", 5, "kubectl -n cutover-system delete configmap -l cutover.dev/state,cutover.dev/plan=two), then give --journal FILE", back...)
	want("beside a file", 3, "to go by the file alone, delete the copy: kubectl", append(back, "--journal", w.file(t, exported))...)
	w.forget(t)
	want("without any journal", 5, "give --journal FILE", back...)
	for name, text := range map[string]string{
		"an end that is missing": exported[:len(exported)-10], "another plan": strings.Replace(exported, `"plan":"two"`, `"plan":"x"`, 1), "nothing": "",
	} {
		want(name, 2, "unchanged", append(back, "--journal", w.file(t, text))...)
	}
	file := w.file(t, exported)
	for _, name := range []string{"the first time", "again"} { // the second changes nothing
		said := want(name, 5, "when new answers again, cutover rollback --plan", append(back, "--journal", file)...)
		if !strings.Contains(said, "left     swap the routes of ingress shop/web") || !strings.Contains(said, "other run is under way") {
			t.Errorf("%s: it does not tell what is left and what to see to\n%s", name, said)
		}
	}
	old := w.connect(t, phase.Old)
	ing, err := old.Read(t.Context(), kube.Ingress, "shop", "web")
	if err != nil || strings.Contains(render(t, ing.Object["spec"]), "cutover-tail") {
		t.Errorf("old's entry still sends on to new: %v %v", ing, err)
	}
	down, err := old.Read(t.Context(), kube.Deployment, "shop", "web")
	if err != nil || !strings.Contains(render(t, down.Object["spec"]), `"replicas":1`) {
		t.Errorf("old is not up: %v %v", down, err)
	}
	log, err := journal.Open(t.Context(), &journal.Memory{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), w.entries(t, phase.Old)...); err != nil {
		t.Fatal(err)
	}
	if open := log.Steps("migrate/shop"); !slices.Equal(open, []string{swapID}) {
		t.Errorf("open in old's journal: %q, want what is left in new", open)
	}
	want("the state of it", 0, "migrate/shop  open", "status", "--break-glass", "look")

	w.servers[phase.New].Restart(t)
	want("a repair when new is back", 3, "somebody went back by it", "apply", "--phase", "cleanup", "--repair", "routes")
	want("new is back", 3, "somebody went back by it", "apply", "--phase", "cleanup")
}

// damage cuts the end off every segment of old's copy of the journal.
func (w *world) damage(t *testing.T) {
	t.Helper()
	old := w.connect(t, phase.Old)
	all, err := old.Find(t.Context(), kube.ConfigMap, "cutover-system", "cutover.dev/state=journal")
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, u := range all {
		for field, text := range u.Object["binaryData"].(map[string]any) {
			u.Object["binaryData"].(map[string]any)[field] = text.(string)[:len(text.(string))/8*4]
		}
		if _, err := old.Update(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
}

// forget takes old's copy of the journal away.
func (w *world) forget(t *testing.T) {
	t.Helper()
	old := w.connect(t, phase.Old)
	all, err := old.Find(t.Context(), kube.ConfigMap, "cutover-system", "cutover.dev/state")
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, u := range all {
		if err := old.Delete(t.Context(), kube.ConfigMap, u.GetNamespace(), u.GetName(), u.GetUID()); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
