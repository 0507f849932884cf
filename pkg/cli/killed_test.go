package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/journal/cluster"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/migrate"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/phase/proxy"
	"cutover.dev/cutover/pkg/phase/routes"
	"cutover.dev/cutover/pkg/plan"
)

// readyToMove brings both clusters to where the only lane of migrate/shop begins: each with an entry that answers as its Ingresses
// say. There are no pods and no bridge, so what asks those is left out. The window in which the lane is watched does not end.
func (w *world) readyToMove(t *testing.T) {
	t.Helper()
	old := w.servers["old"].Cluster(t, "shop", "cutover-system")
	around := w.servers["new"].Cluster(t, "shop", "cutover-system")
	text := strings.NewReplacer(
		"addresses: [192.0.2.1]", outside(t, old.Entry(nil))+", httpsPort: 8441",
		"addresses: [192.0.2.2]", outside(t, around.Entry(map[string]string{ingress.ProxyService: "4f9c2a7e"}))+", httpsPort: 8442",
		"windows: {routes: 1s, drain: 1s", "probe: {rate: 500, latency: 100}\n  windows: {routes: 1m, drain: 1s, watch: 1h",
		"through: routes", "through: cleanup",
		"ttl: 1m", "ttl: 15s", // who was killed is waited for
	).Replace(read(t, w.plan))
	if err := os.WriteFile(w.plan, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Load(w.plan)
	if err != nil {
		t.Fatal(err)
	}
	d := parts.Deps{Plan: p, Old: w.connect(t, phase.Old), New: w.connect(t, phase.New)}
	d.Inventory = w.freeze(t, d)
	before := migrate.New(d, p.Spec.Waves[0])
	whole := before.Steps
	before.Steps = func(ctx context.Context, past phase.Past) ([]phase.Group, error) {
		groups, err := whole(ctx, past)
		return warmed(groups[:2]), err
	}
	for _, ph := range []phase.Phase{phasetest.Without(proxy.New(d), "prove:"), phasetest.Without(routes.New(d), "prove:"), before} {
		e := engine.Engine{Store: cluster.New(d.New, p.Spec.State.Namespace, p.Metadata.Name), Run: "test", Seed: p.Digest(), Poll: 50 * time.Millisecond}
		if _, err := e.Apply(t.Context(), ph, engine.Options{}); err != nil {
			t.Fatalf("%s: %v", ph.Name, err)
		}
	}
	w.remember(t, journal.Entry{Phase: before.Name, What: journal.Left}) // it is not finished: more of it follows
}

// outside makes what listens on a port of loopback an entry of the plan, which takes none that only this machine reaches.
func outside(t *testing.T, port int) string {
	t.Helper()
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)})
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
	ip := reachable(t)
	var err error
	if front.Listener, err = net.Listen("tcp", net.JoinHostPort(ip, "0")); err != nil {
		t.Fatal(err)
	}
	front.Start()
	t.Cleanup(front.Close)
	_, at, _ := net.SplitHostPort(front.Listener.Addr().String())
	return fmt.Sprintf("addresses: [%s], httpPort: %s", ip, at)
}

// warmed lets pods have answered that are not there.
func warmed(groups []phase.Group) []phase.Group {
	for _, g := range groups {
		for _, l := range g.Lanes {
			for i := range l {
				if strings.HasPrefix(l[i].ID, "warm:") {
					l[i].Observe = func(context.Context) (phase.Observation, error) { return phase.Observation{State: phase.Done}, nil }
				}
			}
		}
	}
	return groups
}

// freeze takes the inventory and keeps it, as the first apply does.
func (w *world) freeze(t *testing.T, d parts.Deps) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Take(t.Context(), d.Old, d.Plan.Spec.Namespaces)
	if err == nil {
		inv.Controllers, err = inventory.FindControllers(t.Context(), d.Old, d.New, "main", "main")
	}
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := json.Marshal(inv)
	if err == nil {
		err = cluster.New(d.New, d.Plan.Spec.State.Namespace, d.Plan.Metadata.Name).SaveBlob(t.Context(), "inventory", frozen, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// newest says what the newest entry of a step in the journal of new is.
func (w *world) newest(t *testing.T) func(step string) journal.What {
	t.Helper()
	store := cluster.New(w.connect(t, phase.New), "cutover-system", "two")
	return func(step string) journal.What {
		t.Helper()
		all, _, err := store.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slices.Backward(all) {
			if e.Step == step {
				return e.What
			}
		}
		return ""
	}
}

// leadsTo is the Service that shop.example.com leads to in new.
func (w *world) leadsTo(t *testing.T) string {
	t.Helper()
	u, err := w.connect(t, phase.New).Read(t.Context(), kube.Ingress, "shop", "web")
	if err != nil {
		t.Fatal(err)
	}
	rules := render(t, u.Object["spec"])
	if strings.Contains(rules, `"name":"`+ingress.ProxyService+`"`) {
		return ingress.ProxyService
	}
	return rules
}

// inTheStretch starts the action and waits until its route leads to new, and the window in which it is watched has begun.
func (w *world) inTheStretch(t *testing.T, step *runnertest.Step, image string) *runnertest.Process {
	t.Helper()
	p, newest := step.Start(image), w.newest(t)
	for giveUp := time.Now().Add(patient); newest("prove:shop/Deployment/web") != journal.Done || newest(swapID) != journal.Done; {
		select {
		case <-p.Ended():
			t.Fatalf("it ended with %d\n%s", p.Code(), step.Log())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(giveUp) {
			t.Fatalf("the route is never swapped\n%s", step.Log())
		}
	}
	if to := w.leadsTo(t); to == ingress.ProxyService {
		t.Fatalf("the route is swapped, and leads to %s", to)
	}
	return p
}

// A job that hangs in the middle of a stretch is killed by the runner; then the runner starts its post step. One that can still go
// back does so by itself, and if that takes longer than the runner waits, the post step does the rest.
func TestThePostStepTakesBackWhatAKilledJobLeftHalfWay(t *testing.T) {
	w, image := newWorld(t), filepath.Dir(binary(t))
	w.readyToMove(t)
	newest := w.newest(t)
	for _, hangs := range []bool{true, false} {
		step := w.job(t, "phase", "migrate/shop")
		p := w.inTheStretch(t, step, image)
		if hangs {
			if err := p.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		last := p.Cancel()
		if hangs && (last != syscall.SIGKILL || step.State()["finished"] != "" || w.leadsTo(t) == ingress.ProxyService) {
			t.Fatalf("it was killed by %s, its state is %v, and %s leads the clients\n%s", last, step.State(), w.leadsTo(t), step.Log())
		}
		post := step.Post()
		if code := post.StartPost(image).Code(); code != 0 || len(post.Outputs()) > 0 {
			t.Errorf("hangs: %v: the post step: code %d, outputs %v\n%s", hangs, code, post.Outputs(), post.Log())
		}
		if hangs && !strings.Contains(post.Summary(), "### cutover recover migrate/shop: done; 2 of 2 steps taken back") {
			t.Errorf("the summary of the post step:\n%s", post.Summary())
		}
		if to := w.leadsTo(t); to != ingress.ProxyService || newest(swapID) != journal.Reverted {
			t.Errorf("hangs: %v: afterwards the clients are led to %s, and the journal says %s\n%s%s", hangs, to, newest(swapID), step.Log(), post.Log())
		}
	}
}
