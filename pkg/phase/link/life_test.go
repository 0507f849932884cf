package link

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/reach"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

// living is a small plan on a real API server, which is both clusters, and a network of the test's own between them.
func living(t *testing.T) (d Deps, old, next *network) {
	t.Helper()
	return on(t, kubetest.Shared(t).Kubeconfig)
}

// on is the same by way of a kubeconfig.
func on(t *testing.T, kubeconfig string) (d Deps, old, next *network) {
	t.Helper()
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Link = &plan.Link{Paths: []plan.LinkPath{{From: "old", To: "smtp.internal:25"}}}
	p.Spec.Bridge = plan.Bridge{Addresses: []string{"10.1.1.36"}, Port: 8080}
	p.Spec.Tail = &plan.Tail{Addresses: []string{"10.2.1.36"}, Port: 8080}
	p.Spec.Entry.Old = plan.Entry{Addresses: []string{"203.0.113.10"}, From: "new"}
	p.Spec.Entry.New = plan.Entry{Addresses: []string{"198.51.100.20"}, From: "old"}
	old = &network{names: map[string][]string{"smtp.internal": {"10.1.1.25"}}}
	next = &network{}
	d = Deps{Plan: p, Inventory: &inventory.Inventory{}, Reach: reach.Sides{Old: old, New: next}}
	for _, addr := range []string{"10.2.1.36:8080", "198.51.100.20:80", "smtp.internal:25"} {
		old.put(addr, served(t))
	}
	for _, addr := range []string{"10.1.1.36:8080", "203.0.113.10:80"} {
		next.put(addr, served(t))
	}
	for env, c := range map[string]**kube.Cluster{phase.Old: &d.Old, phase.New: &d.New} {
		var err error
		if *c, err = kube.Connect(t.Context(), env, kubeconfig, kube.Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*c).Close)
	}
	return d, old, next
}

// node makes one, as a kubelet does.
func node(t *testing.T, name, pods, address string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubetest.Shared(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	all := client.Resource(kube.Node.GVR())
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{PodCIDR: pods, PodCIDRs: []string{pods}}}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: name}, {Type: corev1.NodeInternalIP, Address: address}}
	u, err := kube.From(kube.Node, n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Create(t.Context(), u, metav1.CreateOptions{}); err != nil { // without the status
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := all.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	patch, err := json.Marshal(map[string]any{"status": n.Status})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
}

func TestThePhaseGoesThereAndBackAndWritesNothing(t *testing.T) {
	around := kubetest.Shared(t).Cluster(t, "link")
	d, _, _ := on(t, around.Kubeconfig)
	node(t, "a", "10.61.0.0/24", "10.1.0.4")
	w := phasetest.World{Writes: around.Writes, State: func() any { return around.Objects() }, Turn: func() { time.Sleep(5 * time.Millisecond) }, Slow: true}
	fresh := func() phase.Phase { return New(d) }
	phasetest.TestPhase(t, w, fresh)
	if t.Failed() { // the engine would wait for what does not come
		return
	}
	phasetest.TestCrashes(t, w, fresh)
	if n := around.Writes(); n != 0 { // a look counts too, whatever it is for
		t.Errorf("%d writes", n)
	}
}

// observe asks every step of the phase.
func observe(t *testing.T, d Deps) map[string]phase.Observation {
	t.Helper()
	groups, err := New(d).Steps(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]phase.Observation{}
	for _, g := range groups {
		if g.Limit < len(g.Lanes) {
			t.Errorf("of %d paths %d are looked at at once: a no could keep others from being heard", len(g.Lanes), g.Limit)
		}
		for _, l := range g.Lanes {
			for _, s := range l {
				if s.Apply != nil || s.Limit <= 0 || s.Knob == "" || s.Title == "" {
					t.Errorf("%s is no proof with a limit", s.ID)
				}
				o, err := s.Observe(t.Context())
				if err != nil {
					o.Detail = "could not tell: " + err.Error()
				}
				all[s.ID] = o
			}
		}
	}
	return all
}

func TestAFirewallThatIsClosedIsNamedPathByPath(t *testing.T) {
	d, old, next := living(t)
	node(t, "a", "10.61.0.0/24", "10.1.0.4")
	node(t, "b", "10.61.1.0/24", "10.1.0.5")
	for _, addr := range []string{"10.2.1.36:8080", "198.51.100.20:80"} {
		old.put(addr, dropped())
	}
	all := observe(t, d)
	for id, parts := range map[string][]string{
		"prove:path/old/10.2.1.36:8080":   {"timed out", "missing: allow tcp from old (pods 10.61.0.0/23; nodes 10.1.0.4/31) to 10.2.1.36 port 8080", "the link works one way only: new reaches old"},
		"prove:path/old/198.51.100.20:80": {"to 198.51.100.20 port 80"},
	} {
		if o := all[id]; o.State != phase.Failed {
			t.Errorf("%s is %s: %s", id, o.State, o.Detail)
		}
		contains(t, all[id].Detail, parts...)
	}
	for _, id := range []string{"prove:path/new/10.1.1.36:8080", "prove:path/new/203.0.113.10:80", "prove:path/old/smtp.internal:25", "prove:ranges"} {
		if o := all[id]; o.State != phase.Done {
			t.Errorf("%s is %s: %s", id, o.State, o.Detail)
		}
	}
	next.put("10.1.1.36:8080", dropped())
	next.put("203.0.113.10:80", dropped())
	for _, o := range observe(t, d) {
		if strings.Contains(o.Detail, "one way only") {
			t.Errorf("neither way works: %s", o.Detail)
		}
	}
}

// Both clusters are one here, so all that it uses overlaps.
func TestTheRangesOfBothSidesAreReadAndOverlapsNamed(t *testing.T) {
	d, _, _ := living(t)
	r, err := rangesOf(t.Context(), d.Old)
	if err == nil {
		t.Errorf("a cluster without nodes: %+v", r)
	}
	if o := observe(t, d)["prove:ranges"]; !strings.Contains(o.Detail, "could not tell") {
		t.Errorf("%+v", o)
	}
	node(t, "a", "10.61.0.0/24", "10.1.0.4")
	if r, err = rangesOf(t.Context(), d.Old); err != nil || len(r.Services) == 0 || len(r.Hidden) > 0 {
		t.Fatalf("%+v %v", r, err)
	}
	o := observe(t, d)["prove:ranges"]
	if o.State != phase.Done {
		t.Errorf("%+v", o)
	}
	contains(t, o.Detail, "they overlap", "pods of old (10.61.0.0/24) and pods of new (10.61.0.0/24)", "nodes of old (10.1.0.4) and nodes of new (10.1.0.4)")
}
