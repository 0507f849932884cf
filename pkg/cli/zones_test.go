package cli_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

const externalDNS = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: names, namespace: cutover-system}, spec: {replicas: 1, selector: {matchLabels: {app: names}},
 template: {metadata: {labels: {app: names}}, spec: {containers: [{name: c, image: "registry.k8s.io/external-dns/external-dns:v0.22.0",
 args: [--source=ingress, --policy=upsert-only, --txt-owner-id=old]}]}}}}`

// reachable is an address of this machine that a plan may name.
func reachable(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback, and a plan names no loopback address")
	return ""
}

// lateAt plays the counters of old's entry, and is how often somebody came. The other result is where a plan finds them.
func lateAt(t *testing.T, ip string) (came *atomic.Int64, metrics string) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	came = &atomic.Int64{}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE traefik_service_requests_total counter\ntraefik_service_requests_total{service=\"shop-web-80@kubernetes\"} %d\n", came.Load())
	}), ReadHeaderTimeout: time.Second}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close() })
	return came, fmt.Sprintf("oldMetrics: {addresses: [%s], port: %d, kind: traefik}", ip, listener.Addr().(*net.TCPAddr).Port)
}

// The road of names, with the program itself: each verb is a process of its own, on a name server that is real.
func TestNamesMoveAndGoBack(t *testing.T) {
	server := zonetest.Start(t, zonetest.BIND, "shop 3600 IN A 192.0.2.1\n", zonetest.Options{IP: reachable(t), Zone: "example.com"})
	w, program := newWorld(t), binary(t)
	came, metrics := lateAt(t, reachable(t))
	w.named(t, server.Addr, metrics, server.Addr)
	first := server.Serial("example.com")
	served := func() string { return fmt.Sprint(server.Lookup("shop.example.com", "A")) }
	step := func(code int, want string, env []string, args ...string) {
		t.Helper()
		p := w.start(t, program, args, env...)
		if got := p.end(t); got != code || !strings.Contains(p.out.String()+p.errs.String(), want) {
			t.Fatalf("%q: exit code %d, want %d and %q\n%s\n%s", args, got, code, want, &p.out, &p.errs)
		}
		if strings.Contains(p.out.String()+p.errs.String(), server.Secret) {
			t.Errorf("%q shows the secret", args)
		}
	}
	key := []string{"CUTOVER_TSIG_SECRET=" + server.Secret}
	step(0, "ttl:example.com", nil, "plan", "--phase", "ttl")
	step(3, "prove:key", []string{"CUTOVER_TSIG_SECRET=d3JvbmctYnV0LWJhc2U2NA=="}, "apply", "--phase", "ttl")
	step(7, "CUTOVER_TSIG_SECRET is not set", nil, "apply", "--phase", "ttl")
	w.create(t, "old", externalDNS)
	step(3, "upsert-only", key, "apply", "--phase", "ttl")
	if server.Serial("example.com") != first {
		t.Fatal("a gate said no, and the zone was changed")
	}
	w.patch(t, "/apis/apps/v1/namespaces/cutover-system/deployments/names", map[string]any{"spec": map[string]any{"replicas": 0}})
	step(0, "ttl", key, "apply", "--phase", "ttl")
	if got := served(); !strings.Contains(got, "\t1\tIN\tA\t192.0.2.1]") {
		t.Errorf("after ttl: %s", got)
	}
	step(8, "not before", key, "apply", "--phase", "dns")
	job := w.job(t, "phase", "dns").Set("CUTOVER_TSIG_SECRET", server.Secret)
	code, outputs := job.Start(filepath.Dir(program)).Code(), job.Outputs() // a wait is green, and the schedule goes on
	if until, err := time.Parse(time.RFC3339, outputs["not-before"]); err != nil || code != 0 || outputs["result"] != "waiting" || !until.After(time.Now()) || job.State()["finished"] != "true" {
		t.Errorf("as a step: exit code %d, outputs %q (%v)\n%s", code, outputs, err, job.Log())
	}
	if strings.Contains(job.Printed()+job.Summary(), server.Secret) {
		t.Error("the step shows the secret")
	}
	if got := served(); !strings.Contains(got, "192.0.2.1]") {
		t.Errorf("swapped before the old TTL ran out: %s", got)
	}
	step(0, "NOT WAITED FOR", key, "apply", "--phase", "dns", "--now")
	if got := served(); !strings.Contains(got, "\t1\tIN\tA\t192.0.2.2]") {
		t.Errorf("after dns: %s", got)
	}
	step(0, "done", key, "verify", "--phase", "dns")
	step(0, "nobody came to old's entry for 1 host since ", nil, "status")
	came.Add(5)
	step(0, "\nshop.example.com  5  since ", nil, "status")
	step(0, `"requests": 5,`, nil, "status", "--output", "json")
	step(0, `"requests": 5,`, key, "verify", "--phase", "dns", "--output", "json")
	step(0, "dns", key, "rollback", "--phase", "dns")
	step(0, "rollback dns: done", key, "rollback", "--phase", "dns") // by whom the first one's end was not seen
	if p := w.start(t, program, []string{"status"}); p.end(t) != 0 || strings.Contains(p.out.String(), "came to old's entry") {
		t.Errorf("nothing leads to new any more, and status says\n%s\n%s", &p.out, &p.errs)
	}
	if got := served(); !strings.Contains(got, "\t1\tIN\tA\t192.0.2.1]") {
		t.Errorf("after the way back: %s", got)
	}
}

// named is a plan whose names are changed at one server and served by some, up to routes.
func (w *world) named(t *testing.T, editor, entry string, servers ...string) {
	t.Helper()
	zones := fmt.Sprintf(`dns: {ttl: 1s, margin: 1s, zones: [{name: example.com, servers: ["%s"], rfc2136: {server: %q, key: %s, algorithm: %s}}]}`,
		strings.Join(servers, `", "`), editor, zonetest.Key, zonetest.Algorithm)
	const in = "new: {addresses: [192.0.2.2], ingressClass: main}"
	text := strings.NewReplacer(
		`dns: {none: "a test"}`, zones, "through: routes", "through: dns", "addresses: [192.0.2.1]", "addresses: [192.0.2.1, '2001:db8::1']", in, in+", "+entry,
	).Replace(read(t, w.plan))
	if err := os.WriteFile(w.plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	w.routed(t)
}

// routed brings both clusters to where routes leaves them, as far as API servers alone can, with the journal of it.
func (w *world) routed(t *testing.T) {
	t.Helper()
	old, in := w.connect(t, "old"), w.connect(t, "new")
	p, err := plan.Load(w.plan)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Take(t.Context(), old, p.Spec.Namespaces)
	if err == nil {
		inv.Controllers, err = inventory.FindControllers(t.Context(), old, in, "main", "main")
	}
	if err != nil {
		t.Fatal(err)
	}
	was := &inv.Ingresses[0].Object
	led := routed(t, ingress.Desired(was, func(string) bool { return false }, inv.Target(ingress.NameOf(was), "main")))
	kube.Own(led, p.Metadata.Name)
	if _, err := in.Create(t.Context(), led); err != nil {
		t.Fatal(err)
	}
	frozen, err := json.Marshal(inv)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*kube.Cluster{in, old} {
		s := cluster.New(k, p.Spec.State.Namespace, p.Metadata.Name)
		_, version, err := s.Load(t.Context())
		if err == nil {
			_, err = s.Append(t.Context(), version, []journal.Entry{
				{Phase: "proxy", What: journal.Finished, Plan: p.Digest()}, {Phase: "routes", What: journal.Finished, Plan: p.Digest()},
			})
		}
		if err == nil {
			err = s.SaveBlob(t.Context(), "inventory", frozen, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
